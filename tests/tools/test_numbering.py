"""Items counted anew."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.tools.numbering import Numbering


class NumberingTests(SynchronousTestCase):
    def test_items_move_to_where_they_were_opened(self) -> None:
        numbering = Numbering()
        self.assertEqual(numbering.open(e.MessageOpened(3, "m")), e.MessageOpened(0, "m"))
        self.assertEqual((numbering.next(), numbering.open(e.CallOpened(5, "f", "c", "n")).index), (1, 2))
        self.assertEqual(numbering.move(e.TextDelta(3, "a")), [e.TextDelta(0, "a")])
        self.assertEqual(numbering.move(e.CallDelta(5, "a")), [e.CallDelta(2, "a")])

    def test_an_item_that_was_left_out_says_nothing(self) -> None:
        self.assertEqual(Numbering().move(e.TextDelta(0, "a")), [])

    def test_a_closed_item_is_open_no_more(self) -> None:
        numbering = Numbering()
        numbering.open(e.CallOpened(0, "f", "c", "n"))
        self.assertTrue(numbering.has(e.CallOpened))
        self.assertEqual(numbering.move(e.CallClosed(0)), [e.CallClosed(0)])
        self.assertFalse(numbering.has(e.CallOpened))

    def test_every_kind_of_item_can_be_cut(self) -> None:
        numbering = Numbering()
        opened = (
            e.MessageOpened(0, "m"),
            e.ReasoningOpened(1, "r"),
            e.CallOpened(2, "f", "c", "n"),
            e.SearchOpened(3, "s"),
        )
        for one in opened:
            numbering.open(one)
        closed = [
            e.MessageClosed(0, False),
            e.ReasoningClosed(1, None, False),
            e.CallClosed(2, False),
            e.SearchClosed(3, None, False),
        ]
        self.assertEqual((numbering.cut(), numbering.cut()), (closed, []))
