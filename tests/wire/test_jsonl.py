"""JSON lines out of a pipe."""

from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.jsonl import LineSplitter
from tests.support.chunking import chunkings

TEXT = st.text("a{}\r\n", max_size=40).map(str.encode)


def seconds_to_cut(line_bytes: int) -> float:
    """Measure one long line arriving the way a pipe brings it, 8 KiB at a time."""
    splitter, piece = LineSplitter(), b"x" * 8192
    before = process_time()
    for _ in range(line_bytes // len(piece)):
        splitter.receive(piece)
    (line,) = splitter.receive(b"\n")
    taken = process_time() - before
    assert len(line) == line_bytes
    return taken


class LineSplitterTests(SynchronousTestCase):
    def test_a_chunk_of_whole_lines_gives_them_all(self) -> None:
        self.assertEqual(LineSplitter().receive(b"{}\n[]\n1\n"), [b"{}", b"[]", b"1"])

    def test_crlf_ends_a_line_also_when_a_chunk_ends_between(self) -> None:
        splitter = LineSplitter()
        self.assertEqual([*splitter.receive(b"a\r\nb\r"), *splitter.receive(b"\nc\r\n")], [b"a", b"b", b"c"])

    def test_a_carriage_return_inside_a_line_stays(self) -> None:
        self.assertEqual(LineSplitter().receive(b"a\rb\n"), [b"a\rb"])

    def test_blank_lines_are_skipped(self) -> None:
        self.assertEqual(LineSplitter().receive(b"\n\r\na\n\n\nb\n"), [b"a", b"b"])

    def test_the_remainder_is_given_at_the_end(self) -> None:
        splitter = LineSplitter()
        splitter.receive(b"a\nb\r")
        self.assertEqual([splitter.finish(), splitter.finish()], [b"b", None])

    def test_an_over_long_line_is_dropped_and_counted_and_its_neighbours_are_not(self) -> None:
        splitter = LineSplitter(limit_bytes=4)
        self.assertEqual(splitter.receive(b"ok\ntoo long\nok\n"), [b"ok", b"ok"])
        self.assertEqual(splitter.dropped, 1)

    def test_a_line_of_64_mib_in_small_pieces_takes_linear_time(self) -> None:
        self.assertLess(seconds_to_cut(64 * 2**20), 4)  # a fraction of one; with rescanning, over ten

    @given(st.data(), TEXT, st.integers(1, 12))
    def test_a_split_stream_gives_the_same_lines(self, data: st.DataObject, text: bytes, limit: int) -> None:
        splitter = LineSplitter(limit)
        got = [line for chunk in data.draw(chunkings(text)) for line in splitter.receive(chunk)]
        *whole, rest = text.split(b"\n")
        kept = [line.removesuffix(b"\r") for line in whole if len(line) <= limit]
        self.assertEqual(got, [line for line in kept if line])
        self.assertEqual(splitter.dropped, sum(len(line) > limit for line in [*whole, rest]))
        remainder = rest.removesuffix(b"\r") if len(rest) <= limit else b""
        self.assertEqual(splitter.finish(), remainder or None)
