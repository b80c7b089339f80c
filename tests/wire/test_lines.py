"""The cutter under JSON lines and server-sent events."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.lines import Lines
from tests.support.chunking import chunkings

TEXT = st.text("ab\n", max_size=40).map(str.encode)


class CutTests(SynchronousTestCase):
    def test_lines_come_without_their_end_and_blank_ones_too(self) -> None:
        self.assertEqual(Lines(9).receive(b"one\n\ntwo\nth"), [b"one", b"", b"two"])

    def test_a_line_ends_in_a_later_chunk(self) -> None:
        lines = Lines(9)
        self.assertEqual(
            [lines.receive(b"a"), lines.receive(b"b"), lines.receive(b"\nc\n")], [[], [], [b"ab", b"c"]]
        )

    def test_the_rest_is_given_once_at_the_end(self) -> None:
        lines = Lines(9)
        lines.receive(b"one\ntw")
        self.assertEqual([lines.finish(), lines.finish()], [b"tw", None])

    def test_a_line_of_exactly_the_limit_passes(self) -> None:
        lines = Lines(3)
        self.assertEqual([*lines.receive(b"abc\nab"), *lines.receive(b"c\n")], [b"abc", b"abc"])

    def test_a_longer_line_leaves_a_gap_in_its_place(self) -> None:
        lines = Lines(3)
        self.assertEqual(lines.receive(b"a\nbbbb\nc\n"), [b"a", None, b"c"])
        self.assertEqual(lines.dropped, 1)

    def test_a_longer_line_is_not_held_while_it_goes_on(self) -> None:
        lines = Lines(3)
        for expected in (b"xx", b"", b"", b""):
            lines.receive(b"xx")
            self.assertEqual(bytes(lines._held), expected)
        self.assertEqual((lines.receive(b"\nok\n"), lines.dropped), ([None, b"ok"], 1))

    def test_after_the_end_of_an_over_long_line_the_cutter_is_as_new(self) -> None:
        lines = Lines(3)
        lines.receive(b"long long")
        self.assertIsNone(lines.finish())
        self.assertEqual(lines.receive(b"ok\n"), [b"ok"])


class LawTests(SynchronousTestCase):
    @given(st.data(), TEXT, st.integers(1, 12))
    def test_a_split_stream_gives_the_same_lines(self, data: st.DataObject, text: bytes, limit: int) -> None:
        lines = Lines(limit)
        got = [line for chunk in data.draw(chunkings(text)) for line in lines.receive(chunk)]
        *expected, rest = text.split(b"\n")
        self.assertEqual(got, [line if len(line) <= limit else None for line in expected])
        self.assertEqual(lines.dropped, sum(len(line) > limit for line in [*expected, rest]))
        self.assertEqual(lines.finish(), rest if 0 < len(rest) <= limit else None)
