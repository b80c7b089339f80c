"""Tests of the line buffer."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.lines import LineBuffer
from tests.support.chunking import chunkings

TEXT = st.text("ab\n", max_size=40).map(str.encode)


class LineBufferTests(SynchronousTestCase):
    def test_lines_are_returned_without_their_lf_including_blank_ones(self) -> None:
        self.assertEqual(LineBuffer(9).receive(b"one\n\ntwo\nth"), [b"one", b"", b"two"])

    def test_a_line_may_end_in_a_later_chunk(self) -> None:
        lines = LineBuffer(9)
        self.assertEqual([lines.receive(b"a"), lines.receive(b"b"), lines.receive(b"\nc\n")], [[], [], [b"ab", b"c"]])

    def test_the_unterminated_last_line_is_returned_once_at_the_end(self) -> None:
        lines = LineBuffer(9)
        lines.receive(b"one\ntw")
        self.assertEqual([lines.finish(), lines.finish()], [b"tw", None])

    def test_a_line_of_exactly_the_limit_is_accepted(self) -> None:
        lines = LineBuffer(3)
        self.assertEqual([*lines.receive(b"abc\nab"), *lines.receive(b"c\n")], [b"abc", b"abc"])

    def test_an_oversized_line_is_returned_as_none(self) -> None:
        lines = LineBuffer(3)
        self.assertEqual(lines.receive(b"a\nbbbb\nc\n"), [b"a", None, b"c"])
        self.assertEqual(lines.dropped, 1)

    def test_an_oversized_line_is_not_buffered(self) -> None:
        lines = LineBuffer(3)
        for expected in (b"xx", b"", b"", b""):
            lines.receive(b"xx")
            self.assertEqual(bytes(lines._partial), expected)
        self.assertEqual((lines.receive(b"\nok\n"), lines.dropped), ([None, b"ok"], 1))

    def test_finish_resets_the_buffer_after_an_oversized_line(self) -> None:
        lines = LineBuffer(3)
        lines.receive(b"long long")
        self.assertIsNone(lines.finish())
        self.assertEqual(lines.receive(b"ok\n"), [b"ok"])


class LawTests(SynchronousTestCase):
    @given(st.data(), TEXT, st.integers(1, 12))
    def test_any_chunking_yields_the_same_lines(self, data: st.DataObject, text: bytes, limit: int) -> None:
        lines = LineBuffer(limit)
        got = [line for chunk in data.draw(chunkings(text)) for line in lines.receive(chunk)]
        *expected, rest = text.split(b"\n")
        self.assertEqual(got, [line if len(line) <= limit else None for line in expected])
        self.assertEqual(lines.dropped, sum(len(line) > limit for line in [*expected, rest]))
        self.assertEqual(lines.finish(), rest if 0 < len(rest) <= limit else None)
