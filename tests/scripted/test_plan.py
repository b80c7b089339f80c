"""The values of a plan."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.plan import (
    Call,
    Completed,
    Cut,
    Ending,
    Message,
    Pause,
    Plan,
    Silent,
    Thought,
    Usage,
    spaced,
)

HELLO = Message(("hello ", "world"))


def planned(*steps: Message, ending: Ending = Completed()) -> Plan:  # noqa: B008 - a value
    return Plan(steps, ending, Usage(0, 0, 0, 0), "seed")


class PlanTests(SynchronousTestCase):
    def test_the_pieces_joined_are_the_whole(self) -> None:
        self.assertEqual(HELLO.text, "hello world")
        self.assertEqual(Thought(("a", "b")).text, "ab")
        self.assertEqual(Call("f", ("{", "}")).arguments, "{}")

    def test_names_are_told_apart_by_prefix_and_position(self) -> None:
        plan = planned()
        names = {plan.identifier(prefix, at) for prefix in ("msg", "call") for at in range(3)}
        self.assertEqual(len(names), 6)
        self.assertRegex(plan.identifier("msg"), "^msg_[0-9a-f]{48}$")
        self.assertRegex(plan.identifier("call"), "^call_[0-9a-f]{24}$")

    def test_only_the_last_item_of_an_unfinished_answer_stays_open(self) -> None:
        for ending in (Cut(), Silent()):
            plan = planned(HELLO, HELLO, ending=ending)
            self.assertEqual([plan.leaves_open(at) for at in (0, 1)], [False, True])
        self.assertFalse(planned(HELLO).leaves_open(0))

    def test_pauses_stand_between_deltas_and_are_counted(self) -> None:
        slow = Message(("a", "b", "c"), 0.5)
        self.assertEqual(list(spaced(slow)), ["a", Pause(0.5), "b", Pause(0.5), "c"])
        self.assertEqual(list(spaced(HELLO)), ["hello ", "world"])
        self.assertEqual(planned(HELLO, slow, slow, Message((), 0.5)).pauses_seconds, 2.0)
