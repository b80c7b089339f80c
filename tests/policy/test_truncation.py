"""What is left out of a history that is too long."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Item, Message, Reasoning, Role, TextPart, ToolCall, ToolResult
from codexd.policy.truncation import STEPS, fitting
from tests.support import chat_turns, responses_turns

HISTORIES = responses_turns.histories() | chat_turns.histories()
ROOMS = st.integers(-2, 40)


def said(role: Role, text: str = "x") -> Message:
    return Message(role, (TextPart(text),))


def one(item: Item) -> int:
    return 1


def pairs(items: tuple[Item, ...]) -> list[tuple[ToolCall, ToolResult]]:
    """Give each call that was answered with its answer."""
    found, open_calls = [], {}
    for item in items:
        if isinstance(item, ToolCall):
            open_calls[item.call_id] = item
        elif isinstance(item, ToolResult) and item.call_id in open_calls:
            found.append((open_calls.pop(item.call_id), item))
    return found


def places(kept: tuple[Item, ...], items: tuple[Item, ...]) -> list[int]:
    """Find each kept item in the history, by identity."""
    where = {id(item): place for place, item in enumerate(items)}
    return [where[id(item)] for item in kept]


SYSTEM, USER, SAID = said("system"), said("user"), said("assistant")
CALL, RESULT = ToolCall("c", "f", "{}"), ToolResult("c", ())


class ExampleTests(SynchronousTestCase):
    def test_whole_exchanges_go_from_the_beginning(self) -> None:
        first, second, third = said("user", "1"), said("user", "2"), said("user", "3")
        history = (SYSTEM, first, SAID, second, CALL, RESULT, SAID, third)
        self.assertEqual(fitting(history, 8, one), history)
        self.assertEqual(fitting(history, 6, one), (SYSTEM, second, CALL, RESULT, SAID, third))
        for room in (5, 4, 2):
            self.assertEqual(fitting(history, room, one), (SYSTEM, third))

    def test_what_cannot_be_left_out_stays_even_where_it_does_not_fit(self) -> None:
        self.assertEqual(fitting((SYSTEM, SYSTEM, USER), 0, one), (SYSTEM, SYSTEM, USER))
        self.assertEqual(fitting((), -1, one), ())

    def test_within_one_exchange_rounds_go_and_the_last_stays(self) -> None:
        rounds = [(Reasoning(encrypted=id), ToolCall(id, "f", "{}"), ToolResult(id, ())) for id in "abc"]
        history = (USER, *(item for items in rounds for item in items))
        self.assertEqual(fitting(history, 7, one), (USER, *rounds[1], *rounds[2]))
        self.assertEqual(fitting(history, 1, one), (USER, *rounds[2]))

    def test_a_call_that_is_answered_later_keeps_all_in_between(self) -> None:
        later = said("user", "later")
        history = (USER, SAID, USER, CALL, later, RESULT, SAID)
        self.assertEqual(fitting(history, 1, one), (USER, CALL, later, RESULT, SAID))

    def test_a_history_without_a_user_loses_its_first_rounds(self) -> None:
        history = (SYSTEM, CALL, RESULT, SAID)
        self.assertEqual(fitting(history, 1, one), (SYSTEM, SAID))

    def test_a_conversation_that_goes_on_is_mostly_cut_where_it_was(self) -> None:
        room, history, heads = 100, [], []
        for number in range(150):
            history += [said("user", str(number)), SAID]
            heads.append(fitting(tuple(history), room, one)[0])
        cuts = [number for number in range(1, 150) if heads[number] is not heads[number - 1]]
        self.assertTrue(all(later - cut >= room // STEPS // 2 for cut, later in pairwise(cuts)))
        self.assertGreater(len(cuts), 3)


class PropertyTests(SynchronousTestCase):
    @given(HISTORIES, ROOMS)
    def test_nothing_is_changed_or_moved(self, items: tuple[Item, ...], room: int) -> None:
        kept = places(fitting(items, room, one), items)
        self.assertEqual(kept, sorted(kept))

    @given(HISTORIES)
    def test_what_fits_stays_whole(self, items: tuple[Item, ...]) -> None:
        self.assertIs(fitting(items, len(items), one), items)

    @given(HISTORIES, ROOMS)
    def test_a_call_and_its_result_stay_or_go_together(self, items: tuple[Item, ...], room: int) -> None:
        kept = {id(item) for item in fitting(items, room, one)}
        for call, result in pairs(items):
            self.assertEqual(id(call) in kept, id(result) in kept)

    @given(HISTORIES, ROOMS)
    def test_the_head_and_the_last_user_stay(self, items: tuple[Item, ...], room: int) -> None:
        kept = {id(item) for item in fitting(items, room, one)}
        for item in items:
            if not (isinstance(item, Message) and item.role in ("system", "developer")):
                break
            self.assertIn(id(item), kept)
        users = [item for item in items if isinstance(item, Message) and item.role == "user"]
        self.assertTrue(all(id(item) in kept for item in users[-1:]))

    @given(HISTORIES, ROOMS)
    def test_the_end_stays(self, items: tuple[Item, ...], room: int) -> None:
        self.assertEqual(items[-1:], fitting(items, room, one)[-1:])

    @given(HISTORIES, ROOMS)
    def test_what_is_left_fits_unless_no_more_can_be_left_out(
        self, items: tuple[Item, ...], room: int
    ) -> None:
        kept = fitting(items, room, one)
        if len(kept) > room:
            self.assertEqual(kept, fitting(items, -(10**6), one))
