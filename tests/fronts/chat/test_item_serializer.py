"""codexd.fronts.chat.item_serializer: the item that opened first is written first."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat.item_serializer import ItemSerializer
from codexd.neutral.event import TextDelta
from tests.support.sentences import merged


class ItemSerializerTests(SynchronousTestCase):
    def test_the_next_item_is_current_after_the_first_closed(self) -> None:
        serializer: ItemSerializer[str] = ItemSerializer()
        serializer.open("a")
        serializer.open("b")
        self.assertEqual(serializer.current, "a")
        serializer.queue("b", TextDelta(1, "late"))
        self.assertEqual(serializer.close("a"), [TextDelta(1, "late")])
        self.assertEqual(serializer.current, "b")

    def test_an_item_closed_in_the_queue_is_written_and_skipped(self) -> None:
        serializer: ItemSerializer[str] = ItemSerializer()
        for key in "abc":
            serializer.open(key)
        serializer.queue("b", TextDelta(1, "b"))
        serializer.queue("c", TextDelta(2, "c"))
        self.assertEqual(serializer.close("b"), [])
        self.assertEqual(serializer.close("a"), [TextDelta(1, "b"), TextDelta(2, "c")])
        self.assertEqual(serializer.current, "c")

    def test_any_item_can_open_when_none_is_open(self) -> None:
        serializer: ItemSerializer[str] = ItemSerializer()
        serializer.open("a")
        self.assertEqual((serializer.close("a"), serializer.current), ([], None))
        serializer.open("b")
        self.assertEqual(serializer.current, "b")

    @given(st.lists(st.lists(st.text(max_size=1), min_size=1), max_size=4), st.data())
    def test_all_deltas_are_written_item_by_item(self, items: list[list[str]], data: st.DataObject) -> None:
        serializer: ItemSerializer[int] = ItemSerializer()
        written: list[str] = []
        opened: list[int] = []
        left = [len(item) for item in items]
        for key, text in data.draw(merged(items)):
            if key not in opened:
                opened.append(key)
                serializer.open(key)
            if serializer.current == key:
                written.append(text)
            else:
                serializer.queue(key, TextDelta(key, text))
            left[key] -= 1
            if not left[key]:
                written += [late.text for late in serializer.close(key)]
        self.assertEqual(written, [text for key in opened for text in items[key]])
