"""Directive lines."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.plan import Message, Thought, Usage
from codexd.scripted.style import Style, number, take


class TakeTests(SynchronousTestCase):
    def test_directives_are_taken_off_the_head_in_any_order(self) -> None:
        text, style = take("pace: 20\nusage: 1, 2,3,4\nshape: chars\nsay: x\nshape: words", Style())
        self.assertEqual(text, "say: x\nshape: words")
        self.assertEqual(style, Style("chars", Usage(1, 2, 3, 4), 0.02))

    def test_what_goes_first_is_cut_in_the_shape_set_before_it(self) -> None:
        text, style = take("thinking: a b\nshape: chars\npreface: cd\nhello", Style())
        self.assertEqual(text, "hello")
        self.assertEqual(style.first, (Thought(("a ", "b")), Message(("c", "d"))))

    def test_a_directive_that_makes_no_sense_stays_with_all_after_it(self) -> None:
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
            self.assertEqual(take(text, Style()), (text, Style()))

    def test_a_directive_may_be_all_there_is(self) -> None:
        self.assertEqual(take("shape: whole", Style()), ("", Style("whole")))

    def test_numbers_are_natural_and_not_too_long(self) -> None:
        self.assertEqual(
            [number(text) for text in (" 7 ", "0", "-1", "1.5", "", "9" * 10)], [7, 0] + [None] * 4
        )
