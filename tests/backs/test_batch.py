"""The tool calls of one model response: who waits for what."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.batch import Batch
from codexd.neutral.turn import ToolCall
from tests.support.scene import result

CALLS = [ToolCall(id, "f", "{}") for id in ("a", "b", "c")]


def batch(parallel: bool = True) -> Batch:
    made = Batch(parallel)
    for call in CALLS:
        made.add(call)
    return made


class BatchTests(SynchronousTestCase):
    def test_parallel_calls_are_all_shown(self) -> None:
        self.assertEqual([batch().shown, batch().held], [CALLS, []])
        self.assertEqual(batch().waiting, {"a", "b", "c"})

    def test_otherwise_all_but_the_first_are_held_back_in_order(self) -> None:
        held = batch(parallel=False)
        self.assertEqual((held.shown, held.held, held.waiting), (CALLS[:1], CALLS[1:], {"a"}))
        held.answer(result("a"))
        self.assertEqual((held.next_held(), held.waiting), (CALLS[1], {"b"}))
        self.assertEqual([held.next_held(), held.next_held()], [CALLS[2], None])

    def test_whether_a_call_is_seen_now_is_told_as_it_comes(self) -> None:
        self.assertEqual([Batch(False).add(CALLS[0]), batch(False).add(CALLS[0])], [True, False])

    def test_held_calls_are_known_and_strangers_are_not(self) -> None:
        held = batch(parallel=False)
        self.assertEqual([held.knows("c"), held.knows("d")], [True, False])

    def test_a_result_answers_everybody_who_asked_for_it_and_whoever_asks_later(self) -> None:
        asked = batch()
        self.assertEqual([asked.ask("a", 1), asked.ask("a", 2), asked.ask("b", 3)], [None] * 3)
        self.assertEqual(asked.answer(result("a")), [1, 2])
        self.assertEqual((asked.ask("a", 4), asked.asked), (result("a"), True))

    def test_what_is_withdrawn_is_not_asked_any_more(self) -> None:
        asked = batch()
        asked.ask("a", 1)
        self.assertEqual([asked.withdraw(), asked.withdraw(), asked.answer(result("a"))], [[1], [], []])
        self.assertFalse(asked.asked)

    @given(
        st.permutations(range(3)), st.permutations(range(3)), st.lists(st.booleans(), min_size=6, max_size=6)
    )
    def test_every_request_gets_its_result_in_whatever_order_both_come(
        self, asks: list[int], answers: list[int], turns: list[bool]
    ) -> None:
        batched, given_to = batch(), {}
        for asks_now in (*turns, *[True] * 3, *[False] * 3):
            if asks_now and asks:
                index = asks.pop()
                now = batched.ask(CALLS[index].call_id, index)
                given_to.update({} if now is None else {index: now.call_id})
            elif not asks_now and answers:
                call_id = CALLS[answers.pop()].call_id
                given_to.update(dict.fromkeys(batched.answer(result(call_id)), call_id))
        self.assertEqual(given_to, {0: "a", 1: "b", 2: "c"})
        self.assertEqual((batched.asked, batched.waiting), (False, frozenset()))
