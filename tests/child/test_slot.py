"""What a slot remembers, and whom it tells. What happens when is in test_supervisor and test_machine."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.child.process import ChildProcess
from codexd.child.slot import Slot
from codexd.policy.restart import GiveUp, RestartPolicy, Supervision, Wait


class SlotTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[object] = []
        self.slot = Slot(
            spawn=lambda child: None,
            handshake=lambda child: Deferred(),
            clock=self.clock,
            supervision=Supervision(restart=RestartPolicy(limit=1)),
            chance=lambda: 1.0,
            on_up=lambda child, result: self.told.append((child, result)),
            on_lost=self.told.append,
        )

    def test_a_child_that_was_never_up_is_lost_to_nobody_and_lived_no_time(self) -> None:
        self.assertEqual((self.slot.tell_lost("exit code 1"), self.told), (0.0, []))
        self.assertEqual(self.slot.last_exit, "exit code 1")

    def test_a_child_lived_from_being_up_to_being_lost_and_is_lost_once(self) -> None:
        self.slot.tell_up("hello")
        self.clock.advance(7)
        self.assertEqual((self.slot.tell_lost("gone"), self.slot.tell_lost("gone")), (7.0, 0.0))
        self.assertEqual(self.told, [(self.slot.child, "hello"), "gone"])

    def test_exits_are_judged_with_chance_and_remembered_until_forgotten(self) -> None:
        self.assertEqual([self.slot.judge(0), self.slot.judge(0)], [Wait(0.6), GiveUp()])
        self.slot.forget()
        self.assertEqual(self.slot.judge(0), Wait(0.6))

    def test_a_new_child_reports_its_exit_where_it_is_told_to(self) -> None:
        child = self.slot.replace_child(self.told.append)
        child.on_exited("gone")
        self.assertIsInstance(child, ChildProcess)
        self.assertIs(self.slot.child, child)
        self.assertEqual(self.told, ["gone"])

    def test_whoever_waits_for_the_stop_is_told_once_and_who_gave_up_is_not_kept(self) -> None:
        first, second = self.slot.when_stopped(), self.slot.when_stopped()
        first.cancel()
        self.failureResultOf(first)
        self.assertEqual(self.slot._waiters, [second])
        self.slot.tell_stopped()
        self.slot.tell_stopped()
        self.successResultOf(second)
