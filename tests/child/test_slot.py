"""The state of a slot and its callbacks. For the transitions see test_supervisor and test_machine."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.child.process import ChildProcess
from codexd.child.slot import Slot
from codexd.policy.restart import RestartAfterBackoff, RestartAfterWindow, RestartPolicy, Supervision


class SlotTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.reports: list[object] = []
        self.slot = Slot(
            spawn=lambda child: None,
            handshake=lambda child: Deferred(),
            clock=self.clock,
            supervision=Supervision(restart=RestartPolicy(limit=1)),
            random=lambda: 1.0,
            on_up=lambda child, result: self.reports.append((child, result)),
            on_lost=self.reports.append,
        )

    def test_the_exit_of_a_child_that_was_never_up_is_not_reported(self) -> None:
        self.assertEqual((self.slot.report_lost("exit code 1"), self.reports), (0.0, []))
        self.assertEqual(self.slot.last_exit, "exit code 1")

    def test_an_exit_is_reported_once_with_the_uptime(self) -> None:
        self.slot.report_up("hello")
        self.clock.advance(7)
        self.assertEqual((self.slot.report_lost("gone"), self.slot.report_lost("gone")), (7.0, 0.0))
        self.assertEqual(self.reports, [(self.slot.child, "hello"), "gone"])

    def test_a_child_that_hangs_is_reported_before_its_exit_which_has_the_uptime(self) -> None:
        self.slot.report_up("hello")
        self.clock.advance(7)
        self.slot.report_hung("silent")
        self.assertEqual(self.reports, [(self.slot.child, "hello"), "silent"])
        self.clock.advance(1)
        self.assertEqual((self.slot.report_lost("gone"), self.slot.report_lost("gone")), (7.0, 0.0))
        self.assertEqual((len(self.reports), self.slot.last_exit), (2, "gone"))

    def test_exits_are_remembered_until_the_history_is_cleared(self) -> None:
        self.assertEqual(
            [self.slot.decide_restart(0), self.slot.decide_restart(0)], [RestartAfterBackoff(0.6), RestartAfterWindow()]
        )
        self.slot.clear_history()
        self.assertEqual(self.slot.decide_restart(0), RestartAfterBackoff(0.6))

    def test_the_next_start_is_after_the_delay_or_the_window(self) -> None:
        self.clock.advance(5)
        self.slot.decide_restart(0)
        self.assertEqual((self.slot.restarts, self.slot.next_start_at), (1, 5.6))
        self.slot.decide_restart(0)
        self.assertEqual((self.slot.restarts, self.slot.next_start_at), (2, 605.0))

    def test_a_new_child_reports_its_exit_to_the_callback(self) -> None:
        child = self.slot.replace_child(self.reports.append)
        child.on_exited("gone")
        self.assertIsInstance(child, ChildProcess)
        self.assertIs(self.slot.child, child)
        self.assertEqual(self.reports, ["gone"])

    def test_waiters_are_fired_once_and_cancelled_ones_are_removed(self) -> None:
        first, second = self.slot.when_stopped(), self.slot.when_stopped()
        first.cancel()
        self.failureResultOf(first)
        self.assertEqual(self.slot._waiters, [second])
        self.slot.report_stopped()
        self.slot.report_stopped()
        self.successResultOf(second)
