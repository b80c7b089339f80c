"""Message content, as both dialects write it."""

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.content import parse_parts
from codexd.fronts.json_fields import Fields
from codexd.neutral.turn import AudioPart, FilePart, ImagePart, RefusalPart, TextPart
from tests.fronts.test_json_fields import refusal

PICTURE = "data:image/png;base64,AA=="
BINARY = "data:application/octet-stream;base64"

PARTS = (
    ({"type": "text", "text": "a"}, TextPart("a")),
    ({"type": "input_text", "text": ""}, TextPart("")),
    ({"type": "output_text", "text": "a", "annotations": [], "logprobs": None}, TextPart("a")),
    ({"type": "refusal", "refusal": "no"}, RefusalPart("no")),
    ({"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}, ImagePart(PICTURE, "low")),
    ({"type": "image_url", "image_url": "https://a/b.png"}, ImagePart("https://a/b.png")),
    ({"type": "input_image", "image_url": PICTURE, "detail": "high"}, ImagePart(PICTURE, "high")),
    ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, AudioPart("AA==", "wav")),
    (
        {"type": "file", "file": {"file_data": "data:a/b;base64,AA==", "filename": "a"}},
        FilePart("data:a/b;base64,AA==", "a"),
    ),
    ({"type": "input_file", "file_data": "AA=="}, FilePart(f"{BINARY},AA==")),
    ({"type": "file", "file": {"file_data": "AA==", "file_url": ""}}, FilePart(f"{BINARY},AA==")),
    ({"type": "input_file", "file_url": "https://a/b.pdf"}, FilePart("https://a/b.pdf")),
    (
        {"type": "input_file", "file_data": "AA==", "file_url": "https://a/b", "filename": "b.md"},
        FilePart("data:text/markdown;base64,AA==", "b.md"),
    ),
)

IMAGE_PATHS = (
    ({"type": "image_url", "image_url": {"url": PICTURE}}, "content[0].image_url.url"),
    ({"type": "input_image", "image_url": PICTURE}, "content[0].image_url"),
)

WRONG_PARTS = (
    ({"text": "a"}, "missing", "content[0].type"),
    ({"type": "video"}, "wrong_value", "content[0].type"),
    ({"type": 1}, "wrong_type", "content[0].type"),
    ({"type": "text"}, "missing", "content[0].text"),
    ({"type": "text", "text": {}}, "wrong_type", "content[0].text"),
    ({"type": "image_url"}, "missing", "content[0].image_url"),
    ({"type": "image_url", "image_url": {}}, "missing", "content[0].image_url.url"),
    ({"type": "image_url", "image_url": {"url": "AA=="}}, "wrong_value", "content[0].image_url.url"),
    ({"type": "input_image", "image_url": "file:///etc/passwd"}, "wrong_value", "content[0].image_url"),
    ({"type": "image_url", "image_url": {"url": PICTURE, "detail": "x"}}, "wrong_value", None),
    ({"type": "input_image", "file_id": "file-1"}, "unsupported", "content[0].file_id"),
    ({"type": "file", "file": {"file_id": "file-1"}}, "unsupported", "content[0].file.file_id"),
    ({"type": "input_file", "file_id": "file-1"}, "unsupported", "content[0].file_id"),
    ({"type": "file", "file": {}}, "missing", "content[0].file.file_data"),
    ({"type": "input_file", "file_data": ""}, "missing", "content[0].file_data"),
    ({"type": "input_file", "file_data": "https://a/b"}, "wrong_value", "content[0].file_data"),
    ({"type": "input_file", "file_url": "file:///etc/passwd"}, "wrong_value", "content[0].file_url"),
    ({"type": "output_text", "text": "a", "annotations": [1]}, "wrong_type", "content[0].annotations[0]"),
    ({"type": "input_audio", "input_audio": {"data": "AA=="}}, "missing", None),
    ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "midi"}}, "wrong_value", None),
    ("text", "wrong_type", "content[0]"),
)


class ContentTests(SynchronousTestCase):
    def assert_refused(self, act: Callable[[], Any], kind: str, param: str | None) -> None:
        """Check the fault and its param."""
        found = refusal(act)
        self.assertEqual((found.kind, found.param), (kind, found.param if param is None else param))

    def test_every_form_of_a_content_part_is_parsed(self) -> None:
        for written, part in PARTS:
            self.assertEqual(parse_parts(Fields({"content": [written]}), "content"), (part,))

    def test_content_may_be_a_string_or_empty_in_every_way(self) -> None:
        for written, meant in (("a", (TextPart("a"),)), ("", (TextPart(""),)), ([], ()), (None, ())):
            self.assertEqual(parse_parts(Fields({"content": written}), "content"), meant)

    def test_a_wrong_part_is_rejected_at_its_place(self) -> None:
        for written, kind, param in WRONG_PARTS:
            fields = Fields({"content": [written]})
            self.assert_refused(lambda fields=fields: parse_parts(fields, "content"), kind, param)
        self.assert_refused(lambda: parse_parts(Fields({"content": 1}), "content"), "wrong_type", "content")

    def test_an_image_has_the_path_of_its_url(self) -> None:
        for written, path in IMAGE_PATHS:
            (found,) = parse_parts(Fields({"content": [written]}), "content")
            assert isinstance(found, ImagePart)
            self.assertEqual(found.path, path)

    def test_data_without_a_type_has_that_of_its_files_name(self) -> None:
        for name, media in (
            ("a.txt", "text/plain"),
            ("A.PY", "text/plain"),
            ("a.b.json", "application/json"),
            ("a.pdf", "application/pdf"),
            ("a.exe", "application/octet-stream"),
            ("txt.", "application/octet-stream"),
            ("", "application/octet-stream"),
            (None, "application/octet-stream"),
        ):
            part = {"type": "input_file", "file_data": "AA==", "filename": name}
            (found,) = parse_parts(Fields({"content": [part]}), "content")
            self.assertEqual(found, FilePart(f"data:{media};base64,AA==", name))

    def test_an_uploaded_file_is_rejected_with_what_to_do_instead(self) -> None:
        for kind, instead in (("input_image", "'image_url'"), ("input_file", "'file_data'")):
            fields = Fields({"content": [{"type": kind, "file_id": "file-1"}]})
            message = refusal(lambda fields=fields: parse_parts(fields, "content")).message
            self.assertIn("Files API", message)
            self.assertIn(instead, message)
