"""The tool calls of one model response and the requests for their results."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.call_batch import ToolCallBatch
from codexd.neutral.turn import ToolCall
from tests.support.thread_harness import result

CALLS = [ToolCall(call_id=id, name="f", arguments="{}") for id in ("a", "b", "c")]


def batch(parallel: bool = True) -> ToolCallBatch:
    made = ToolCallBatch(parallel=parallel)
    for call in CALLS:
        made.add(call)
    return made


class BatchTests(SynchronousTestCase):
    def test_parallel_calls_are_all_shown(self) -> None:
        self.assertEqual([batch().shown, batch().queued], [CALLS, []])
        self.assertEqual(batch().pending_call_ids, {"a", "b", "c"})

    def test_other_calls_are_queued_in_order(self) -> None:
        held = batch(parallel=False)
        self.assertEqual((held.shown, held.queued, held.pending_call_ids), (CALLS[:1], CALLS[1:], {"a"}))
        held.add_result(result("a"))
        self.assertEqual((held.show_next(), held.pending_call_ids), (CALLS[1], {"b"}))
        self.assertEqual([held.show_next(), held.show_next()], [CALLS[2], None])

    def test_add_returns_whether_the_call_is_shown_now(self) -> None:
        self.assertEqual([ToolCallBatch(parallel=False).add(CALLS[0]), batch(False).add(CALLS[0])], [True, False])

    def test_queued_calls_belong_to_the_batch_and_others_do_not(self) -> None:
        held = batch(parallel=False)
        self.assertEqual([held.has_call("c"), held.has_call("d")], [True, False])

    def test_a_result_answers_open_and_later_requests(self) -> None:
        asked = batch()
        self.assertEqual(
            [asked.request_result("a", 1), asked.request_result("a", 2), asked.request_result("b", 3)],
            [None] * 3,
        )
        self.assertEqual(asked.add_result(result("a")), [1, 2])
        self.assertEqual((asked.request_result("a", 4), asked.has_open_requests), (result("a"), True))

    def test_a_withdrawn_request_is_not_answered(self) -> None:
        asked = batch()
        asked.request_result("a", 1)
        self.assertEqual(
            [asked.withdraw_requests(), asked.withdraw_requests(), asked.add_result(result("a"))],
            [[1], [], []],
        )
        self.assertFalse(asked.has_open_requests)

    @given(st.permutations(range(3)), st.permutations(range(3)), st.lists(st.booleans(), min_size=6, max_size=6))
    def test_every_request_gets_its_result_in_any_order(
        self, asks: list[int], answers: list[int], turns: list[bool]
    ) -> None:
        batched, given_to = batch(), {}
        for asks_now in (*turns, *[True] * 3, *[False] * 3):
            if asks_now and asks:
                index = asks.pop()
                now = batched.request_result(CALLS[index].call_id, index)
                given_to.update({} if now is None else {index: now.call_id})
            elif not asks_now and answers:
                call_id = CALLS[answers.pop()].call_id
                given_to.update(dict.fromkeys(batched.add_result(result(call_id)), call_id))
        self.assertEqual(given_to, {0: "a", 1: "b", 2: "c"})
        self.assertEqual((batched.has_open_requests, batched.pending_call_ids), (False, frozenset()))
