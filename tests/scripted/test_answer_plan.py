"""Tests of the answer plan."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.answer_plan import (
    AnswerPlan,
    CompletedEnding,
    DisconnectedEnding,
    Ending,
    Pause,
    ScriptedCall,
    ScriptedMessage,
    ScriptedReasoning,
    ScriptedUsage,
    SilentEnding,
    iter_deltas,
)

HELLO = ScriptedMessage(("hello ", "world"))


def planned(*items: ScriptedMessage, ending: Ending = CompletedEnding()) -> AnswerPlan:  # noqa: B008 - a value
    return AnswerPlan(items=items, ending=ending, usage=ScriptedUsage(0, 0, 0, 0), seed="seed")


class PlanTests(SynchronousTestCase):
    def test_the_text_is_the_concatenation_of_the_deltas(self) -> None:
        self.assertEqual(HELLO.text, "hello world")
        self.assertEqual(ScriptedReasoning(("a", "b")).text, "ab")
        self.assertEqual(ScriptedCall("f", ("{", "}")).arguments, "{}")

    def test_ids_differ_by_prefix_and_position(self) -> None:
        plan = planned()
        ids = {plan.make_id(prefix, at) for prefix in ("msg", "call") for at in range(3)}
        self.assertEqual(len(ids), 6)
        self.assertRegex(plan.make_id("msg"), "^msg_[0-9a-f]{48}$")
        self.assertRegex(plan.make_id("call"), "^call_[0-9a-f]{24}$")

    def test_only_the_last_item_of_an_unfinished_answer_is_left_open(self) -> None:
        for ending in (DisconnectedEnding(), SilentEnding()):
            plan = planned(HELLO, HELLO, ending=ending)
            self.assertEqual([plan.is_left_open(at) for at in (0, 1)], [False, True])
        self.assertFalse(planned(HELLO).is_left_open(0))

    def test_pauses_are_between_deltas_and_are_summed(self) -> None:
        slow = ScriptedMessage(("a", "b", "c"), 0.5)
        self.assertEqual(list(iter_deltas(slow)), ["a", Pause(0.5), "b", Pause(0.5), "c"])
        self.assertEqual(list(iter_deltas(HELLO)), ["hello ", "world"])
        self.assertEqual(planned(HELLO, slow, slow, ScriptedMessage((), 0.5)).total_pause_seconds, 2.0)
