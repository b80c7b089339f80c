"""Content parts, and what a server cannot be shown."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.content import content
from codexd.backs.chat.dialect import Dialect
from codexd.neutral.fault import Refused
from codexd.neutral.turn import AudioPart, FilePart, ImagePart, Part, TextPart

PDF = FilePart("data:application/pdf;base64,AA==", "a.pdf")
NOTE = FilePart("data:text/plain,hello", "a.txt")
SOUND = AudioPart("AA==", "wav")
EVERYTHING = Dialect(images=True, audio=True, files=True)


class ContentTests(SynchronousTestCase):
    def refused(self, part: Part, dialect: Dialect) -> str | None:
        fault = self.assertRaises(Refused, content, (part,), dialect).fault
        self.assertEqual(fault.kind, "unsupported")
        return fault.param

    def test_what_the_server_can_take_goes_as_it_is(self) -> None:
        sound = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
        self.assertEqual(content((SOUND,), EVERYTHING), [sound])
        file = {"type": "file", "file": {"file_data": PDF.data, "filename": "a.pdf"}}
        self.assertEqual(content((PDF,), EVERYTHING), [file])

    def test_what_it_cannot_take_is_refused_by_name(self) -> None:
        self.assertEqual(self.refused(SOUND, Dialect()), "input_audio")
        self.assertEqual(self.refused(ImagePart("https://x/a.png"), Dialect(images=False)), "image_url")
        self.assertEqual(self.refused(PDF, Dialect()), "input_file")
        self.assertEqual(self.refused(FilePart("https://x/a.pdf"), EVERYTHING), "file_url")

    def test_a_text_file_is_shown_as_text_to_a_server_without_files(self) -> None:
        self.assertEqual(content((NOTE,), Dialect()), "File a.txt:\nhello")

    def test_what_is_all_text_is_a_string_for_some_servers_fail_at_an_array(self) -> None:
        said = (TextPart("Look:"), NOTE)
        self.assertEqual(content(said, Dialect()), "Look:\nFile a.txt:\nhello")
        picture = ImagePart("https://x/a.png")
        self.assertEqual(len(content((*said, picture), Dialect())), 3)
