"""Tests of directive lines."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.answer_plan import ScriptedMessage, ScriptedReasoning, ScriptedUsage
from codexd.scripted.directives import Directives, parse_directives, parse_natural


class ParseTests(SynchronousTestCase):
    def test_leading_directives_are_removed_in_any_order(self) -> None:
        text, directives = parse_directives(
            "pace: 20\nusage: 1, 2,3,4\nshape: chars\nsay: x\nshape: words", Directives()
        )
        self.assertEqual(text, "say: x\nshape: words")
        self.assertEqual(directives, Directives("chars", ScriptedUsage(1, 2, 3, 4), 0.02))

    def test_leading_items_have_the_shape_set_before_them(self) -> None:
        text, directives = parse_directives("thinking: a b\nshape: chars\npreface: cd\nhello", Directives())
        self.assertEqual(text, "hello")
        self.assertEqual(directives.leading_items, (ScriptedReasoning(("a ", "b")), ScriptedMessage(("c", "d"))))

    def test_an_invalid_directive_ends_the_directives(self) -> None:
        for line in (
            "shape: round",
            "usage: 1,2,3",
            "usage: 1,2,3,4,5",
            "usage: 1,2,3,x",
            "usage: 1,2,3,",
            "usage: 1,2,3,-4",
            "pace: soon",
            "pace: 1000000000000",
        ):
            text = f"{line}\nshape: chars\nx"
            self.assertEqual(parse_directives(text, Directives()), (text, Directives()))

    def test_a_text_may_be_only_directives(self) -> None:
        self.assertEqual(parse_directives("shape: whole", Directives()), ("", Directives("whole")))

    def test_numbers_are_natural_and_have_at_most_nine_digits(self) -> None:
        self.assertEqual([parse_natural(text) for text in (" 7 ", "0", "-1", "1.5", "", "9" * 10)], [7, 0] + [None] * 4)
