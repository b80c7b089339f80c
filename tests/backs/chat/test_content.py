"""Encoding of content parts, and parts that a server does not accept."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.content import encode_content
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import AudioPart, FilePart, ImagePart, Part, TextPart

PDF = FilePart("data:application/pdf;base64,AA==", "a.pdf")
NOTE = FilePart("data:text/plain,hello", "a.txt")
SOUND = AudioPart("AA==", "wav")
EVERYTHING = ServerCapabilities(images=True, audio=True, files=True)


class ContentTests(SynchronousTestCase):
    def refused(self, part: Part, capabilities: ServerCapabilities) -> str | None:
        fault = self.assertRaises(FaultError, encode_content, (part,), capabilities).fault
        self.assertEqual(fault.kind, "unsupported")
        return fault.param

    def test_supported_parts_are_encoded_as_such(self) -> None:
        sound = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
        self.assertEqual(encode_content((SOUND,), EVERYTHING), [sound])
        file = {"type": "file", "file": {"file_data": PDF.data, "filename": "a.pdf"}}
        self.assertEqual(encode_content((PDF,), EVERYTHING), [file])

    def test_unsupported_parts_are_refused_with_their_param(self) -> None:
        self.assertEqual(self.refused(SOUND, ServerCapabilities()), "input_audio")
        self.assertEqual(self.refused(ImagePart("https://x/a.png"), ServerCapabilities(images=False)), "image_url")
        self.assertEqual(self.refused(PDF, ServerCapabilities()), "input_file")
        self.assertEqual(self.refused(FilePart("https://x/a.pdf"), EVERYTHING), "file_url")

    def test_a_text_file_is_sent_as_text_to_a_server_without_files(self) -> None:
        self.assertEqual(encode_content((NOTE,), ServerCapabilities()), "File a.txt:\nhello")

    def test_content_of_text_only_is_a_string(self) -> None:
        said = (TextPart("Look:"), NOTE)
        self.assertEqual(encode_content(said, ServerCapabilities()), "Look:\nFile a.txt:\nhello")
        picture = ImagePart("https://x/a.png")
        self.assertEqual(len(encode_content((*said, picture), ServerCapabilities())), 3)
