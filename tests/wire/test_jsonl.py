"""Tests of the line splitter."""

from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.jsonl import LineSplitter
from tests.support.chunking import chunkings

TEXT = st.text("a{}\r\n", max_size=40).map(str.encode)


def seconds_to_split(line_bytes: int) -> float:
    """Return the CPU time for one long line that arrives in chunks of 8 KiB, as from a pipe."""
    splitter, piece = LineSplitter(), b"x" * 8192
    before = process_time()
    for _ in range(line_bytes // len(piece)):
        splitter.receive(piece)
    (line,) = splitter.receive(b"\n")
    taken = process_time() - before
    assert len(line) == line_bytes
    return taken


class LineSplitterTests(SynchronousTestCase):
    def test_a_chunk_may_have_several_lines(self) -> None:
        self.assertEqual(LineSplitter().receive(b"{}\n[]\n1\n"), [b"{}", b"[]", b"1"])

    def test_a_crlf_may_be_split_between_chunks(self) -> None:
        splitter = LineSplitter()
        self.assertEqual([*splitter.receive(b"a\r\nb\r"), *splitter.receive(b"\nc\r\n")], [b"a", b"b", b"c"])

    def test_a_carriage_return_inside_a_line_is_kept(self) -> None:
        self.assertEqual(LineSplitter().receive(b"a\rb\n"), [b"a\rb"])

    def test_blank_lines_are_skipped(self) -> None:
        self.assertEqual(LineSplitter().receive(b"\n\r\na\n\n\nb\n"), [b"a", b"b"])

    def test_the_unterminated_last_line_is_returned_once_at_the_end(self) -> None:
        splitter = LineSplitter()
        splitter.receive(b"a\nb\r")
        self.assertEqual([splitter.finish(), splitter.finish()], [b"b", None])

    def test_only_an_oversized_line_is_dropped_and_counted(self) -> None:
        splitter = LineSplitter(limit_bytes=4)
        self.assertEqual(splitter.receive(b"ok\ntoo long\nok\n"), [b"ok", b"ok"])
        self.assertEqual(splitter.dropped, 1)

    def test_a_line_of_64_mib_in_small_chunks_needs_linear_time(self) -> None:
        self.assertLess(seconds_to_split(64 * 2**20), 4)  # a fraction of one; with rescanning, over ten

    @given(st.data(), TEXT, st.integers(1, 12))
    def test_any_chunking_yields_the_same_lines(self, data: st.DataObject, text: bytes, limit: int) -> None:
        splitter = LineSplitter(limit)
        got = [line for chunk in data.draw(chunkings(text)) for line in splitter.receive(chunk)]
        *whole, rest = text.split(b"\n")
        kept = [line.removesuffix(b"\r") for line in whole if len(line) <= limit]
        self.assertEqual(got, [line for line in kept if line])
        self.assertEqual(splitter.dropped, sum(len(line) > limit for line in [*whole, rest]))
        remainder = rest.removesuffix(b"\r") if len(rest) <= limit else b""
        self.assertEqual(splitter.finish(), remainder or None)
