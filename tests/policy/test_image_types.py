"""Tests of codexd.policy.image_types."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.image_types import SNIFFED_BYTES, contradicts, sniff_image_type

SAMPLES = {
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\r": "image/png",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01": "image/jpeg",
    b"GIF87a\x01\x00\x01\x00\x80\x00": "image/gif",
    b"GIF89a\x01\x00\x01\x00\x80\x00": "image/gif",
    b"RIFF\n\x00\x00\x00WEBP": "image/webp",
}


class ImageTypeTests(SynchronousTestCase):
    def test_the_first_bytes_name_the_type(self) -> None:
        for head, media in SAMPLES.items():
            self.assertEqual(sniff_image_type(head[:SNIFFED_BYTES] + b"more"), media)

    def test_other_content_has_no_type(self) -> None:
        for head in (
            b"",
            b"<html>",
            b"<svg xmlns",
            b"RIFF\n\x00\x00\x00WAVE",
            b"GIF88a",
            b"\x1f\x8b\x08",
            b"BM",
            b"%PDF-",
        ):
            self.assertIsNone(sniff_image_type(head))

    @given(st.binary(max_size=20))
    def test_any_bytes_can_be_examined(self, head: bytes) -> None:
        self.assertIn(sniff_image_type(head), {None, *SAMPLES.values()})

    def test_a_header_contradicts_if_it_names_another_type(self) -> None:
        for header in (
            "",
            "image/png",
            "IMAGE/PNG; q=1",
            "image/x-png",
            "application/octet-stream",
            "binary/octet-stream",
        ):
            self.assertFalse(contradicts(header, "image/png"), header)
        for header in ("text/html", "image/jpeg", "image/svg+xml", "image/png, text/html", "x"):
            self.assertTrue(contradicts(header, "image/png"), header)
        self.assertFalse(contradicts("image/jpg", "image/jpeg"))
