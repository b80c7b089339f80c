"""Tests of the truncation of histories."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Item, Message, Reasoning, Role, TextPart, ToolCall, ToolResult
from codexd.policy.truncation import STEPS, drop_oldest
from tests.support import chat_turns, responses_turns

HISTORIES = responses_turns.histories() | chat_turns.histories()
LIMITS = st.integers(-2, 40)


def message(role: Role, text: str = "x") -> Message:
    return Message(role=role, parts=(TextPart(text),))


def size_one(item: Item) -> int:
    return 1


def pairs(items: tuple[Item, ...]) -> list[tuple[ToolCall, ToolResult]]:
    """Return each answered call with its result."""
    found, open_calls = [], {}
    for item in items:
        if isinstance(item, ToolCall):
            open_calls[item.call_id] = item
        elif isinstance(item, ToolResult) and item.call_id in open_calls:
            found.append((open_calls.pop(item.call_id), item))
    return found


def indexes(kept: tuple[Item, ...], items: tuple[Item, ...]) -> list[int]:
    """Return the index of each kept item in the history, by identity."""
    index_by_id = {id(item): index for index, item in enumerate(items)}
    return [index_by_id[id(item)] for item in kept]


SYSTEM, USER, ASSISTANT = message("system"), message("user"), message("assistant")
CALL, RESULT = ToolCall(call_id="c", name="f", arguments="{}"), ToolResult("c", ())


class ExampleTests(SynchronousTestCase):
    def test_the_oldest_exchanges_are_dropped_first(self) -> None:
        first, second, third = message("user", "1"), message("user", "2"), message("user", "3")
        history = (SYSTEM, first, ASSISTANT, second, CALL, RESULT, ASSISTANT, third)
        self.assertEqual(drop_oldest(history, 8, size_one), history)
        self.assertEqual(drop_oldest(history, 6, size_one), (SYSTEM, second, CALL, RESULT, ASSISTANT, third))
        for limit in (5, 4, 2):
            self.assertEqual(drop_oldest(history, limit, size_one), (SYSTEM, third))

    def test_required_items_are_kept_even_if_they_do_not_fit(self) -> None:
        self.assertEqual(drop_oldest((SYSTEM, SYSTEM, USER), 0, size_one), (SYSTEM, SYSTEM, USER))
        self.assertEqual(drop_oldest((), -1, size_one), ())

    def test_in_one_exchange_all_rounds_but_the_last_can_be_dropped(self) -> None:
        rounds = [
            (Reasoning(encrypted=id), ToolCall(call_id=id, name="f", arguments="{}"), ToolResult(id, ()))
            for id in "abc"
        ]
        history = (USER, *(item for items in rounds for item in items))
        self.assertEqual(drop_oldest(history, 7, size_one), (USER, *rounds[1], *rounds[2]))
        self.assertEqual(drop_oldest(history, 1, size_one), (USER, *rounds[2]))

    def test_all_items_between_a_call_and_its_result_are_kept(self) -> None:
        later = message("user", "later")
        history = (USER, ASSISTANT, USER, CALL, later, RESULT, ASSISTANT)
        self.assertEqual(drop_oldest(history, 1, size_one), (USER, CALL, later, RESULT, ASSISTANT))

    def test_a_history_without_a_user_message_loses_its_first_rounds(self) -> None:
        history = (SYSTEM, CALL, RESULT, ASSISTANT)
        self.assertEqual(drop_oldest(history, 1, size_one), (SYSTEM, ASSISTANT))

    def test_a_growing_conversation_is_mostly_truncated_at_the_same_place(self) -> None:
        limit, history, heads = 100, [], []
        for number in range(150):
            history += [message("user", str(number)), ASSISTANT]
            heads.append(drop_oldest(tuple(history), limit, size_one)[0])
        cuts = [number for number in range(1, 150) if heads[number] is not heads[number - 1]]
        self.assertTrue(all(later - cut >= limit // STEPS // 2 for cut, later in pairwise(cuts)))
        self.assertGreater(len(cuts), 3)


class PropertyTests(SynchronousTestCase):
    @given(HISTORIES, LIMITS)
    def test_kept_items_are_unchanged_and_in_order(self, items: tuple[Item, ...], limit: int) -> None:
        kept = indexes(drop_oldest(items, limit, size_one), items)
        self.assertEqual(kept, sorted(kept))

    @given(HISTORIES)
    def test_a_history_that_fits_is_unchanged(self, items: tuple[Item, ...]) -> None:
        self.assertIs(drop_oldest(items, len(items), size_one), items)

    @given(HISTORIES, LIMITS)
    def test_a_call_and_its_result_are_kept_or_dropped_together(self, items: tuple[Item, ...], limit: int) -> None:
        kept = {id(item) for item in drop_oldest(items, limit, size_one)}
        for call, result in pairs(items):
            self.assertEqual(id(call) in kept, id(result) in kept)

    @given(HISTORIES, LIMITS)
    def test_leading_system_messages_and_the_last_user_message_are_kept(
        self, items: tuple[Item, ...], limit: int
    ) -> None:
        kept = {id(item) for item in drop_oldest(items, limit, size_one)}
        for item in items:
            if not (isinstance(item, Message) and item.role in ("system", "developer")):
                break
            self.assertIn(id(item), kept)
        users = [item for item in items if isinstance(item, Message) and item.role == "user"]
        self.assertTrue(all(id(item) in kept for item in users[-1:]))

    @given(HISTORIES, LIMITS)
    def test_the_last_item_is_kept(self, items: tuple[Item, ...], limit: int) -> None:
        self.assertEqual(items[-1:], drop_oldest(items, limit, size_one)[-1:])

    @given(HISTORIES, LIMITS)
    def test_the_result_fits_unless_nothing_more_can_be_dropped(self, items: tuple[Item, ...], limit: int) -> None:
        kept = drop_oldest(items, limit, size_one)
        if len(kept) > limit:
            self.assertEqual(kept, drop_oldest(items, -(10**6), size_one))
