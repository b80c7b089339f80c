from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.transcripts.archive import ArchiveError, decode, encode
from tests.parity import FIXTURES

NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,9}", fullmatch=True)
ODD = st.lists(
    st.sampled_from(
        (b"\n", b"\r", b"\\", b"\\ no newline at end", b"\\:", b"-- a --", b"-- ", b"\xff", b"\xc3\xa9", b"x")
    )
).map(b"".join)
STREAM = b"HTTP/1.1 200 OK\n\nevent: a\ndata: {}\n\ndata: [DONE]\n\n"


class ArchiveTests(SynchronousTestCase):
    @given(st.dictionaries(NAMES, st.one_of(st.binary(), ODD, st.text().map(str.encode)), max_size=4))
    @example({"a": b"", "b": b"\n", "c": b"\n\n", "d": b"x"})
    @example({"a": bytes(range(256))})
    def test_any_files_are_read_back_unchanged_and_in_order(self, files: dict[str, bytes]) -> None:
        self.assertEqual(list(decode(encode(files)).items()), list(files.items()))

    @given(st.dictionaries(NAMES, st.one_of(st.binary(), ODD), max_size=3))
    def test_an_archive_is_text_without_control_characters(self, files: dict[str, bytes]) -> None:
        written = encode(files)
        for line in written.decode().split("\n"):
            self.assertFalse(any(ord(letter) < 32 and letter != "\t" for letter in line), line)
        self.assertEqual(written[-1:], b"\n" if files else b"")

    def test_plain_text_is_written_unchanged(self) -> None:
        files = {"request.1.json": b'{"a": "\xc3\xa9\t"}\n', "response.1.http": STREAM}
        self.assertEqual(
            encode(files),
            b'-- request.1.json --\n{"a": "\xc3\xa9\t"}\n-- response.1.http --\n' + STREAM,
        )

    def test_special_lines_are_escaped(self) -> None:
        for content, written in (
            (b"{}", b"{}\n\\ no newline at end\n"),
            (b"a\r\nb\n", b"\\:a\\r\nb\n"),
            (b"\xff\xc3\xa9\x00\n", b"\\:\\xff\xc3\xa9\\x00\n"),
            (b"-- a --\n", b"\\:-- a --\n"),
            (b"\\ no newline at end\n", b"\\:\\\\ no newline at end\n"),
            (b"a \\ b\n", b"a \\ b\n"),
            (b"", b""),
            (b"\n", b"\n"),
        ):
            self.assertEqual(encode({"a": content}), b"-- a --\n" + written)

    def test_malformed_archives_are_rejected(self) -> None:
        for data in (
            b"text\n-- a --\n",
            b"-- A --\n",
            b"-- a --\r\n",
            b"-- a --\n-- a --\n",
            b"-- a --\ntext",
            b"-- a --\n\\:text",
            b"-- a --\n\\text\n",
            b"-- a --\n\\:\\y\n",
            b"-- a --\n\\:\\\n",
            b"-- a --\n\\ no newline at end\n",
        ):
            self.assertRaises(ArchiveError, decode, data)

    def test_invalid_section_names_are_rejected(self) -> None:
        for name in ("", "a b", "A", "a\n", "-"):
            self.assertRaises(ArchiveError, encode, {name: b""})

    def test_committed_fixtures_are_in_canonical_form(self) -> None:
        for path in FIXTURES.glob("*/*/*.txt"):
            data = path.read_bytes()
            self.assertEqual(encode(decode(data)), data, path)
