"""Tests of codexd.tools.numbering."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.tools.numbering import ItemNumbering


class ItemNumberingTests(SynchronousTestCase):
    def test_items_get_consecutive_indexes(self) -> None:
        numbering = ItemNumbering()
        self.assertEqual(numbering.open(e.MessageOpened(3, "m")), e.MessageOpened(0, "m"))
        self.assertEqual(
            (numbering.allocate(), numbering.open(e.CallOpened(index=5, id="f", call_id="c", name="n")).index), (1, 2)
        )
        self.assertEqual(numbering.renumber(e.TextDelta(3, "a")), [e.TextDelta(0, "a")])
        self.assertEqual(numbering.renumber(e.CallDelta(5, "a")), [e.CallDelta(2, "a")])

    def test_events_of_a_removed_item_are_dropped(self) -> None:
        self.assertEqual(ItemNumbering().renumber(e.TextDelta(0, "a")), [])

    def test_a_closed_item_is_not_open(self) -> None:
        numbering = ItemNumbering()
        numbering.open(e.CallOpened(index=0, id="f", call_id="c", name="n"))
        self.assertTrue(numbering.has_open(e.CallOpened))
        self.assertEqual(numbering.renumber(e.CallClosed(0)), [e.CallClosed(0)])
        self.assertFalse(numbering.has_open(e.CallOpened))

    def test_every_kind_of_item_can_be_closed_as_incomplete(self) -> None:
        numbering = ItemNumbering()
        opened = (
            e.MessageOpened(0, "m"),
            e.ReasoningOpened(1, "r"),
            e.CallOpened(index=2, id="f", call_id="c", name="n"),
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
        self.assertEqual((numbering.close_incomplete(), numbering.close_incomplete()), (closed, []))
