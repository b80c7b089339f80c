"""The supervisor, case by case. The invariants are in test_machine."""

from signal import SIGKILL

from twisted.application.service import IService
from twisted.internet.defer import fail, succeed
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.support.fake_process import ProcessBehaviour
from tests.support.supervisor_harness import SupervisorHarness


class SupervisorTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = SupervisorHarness()
        self.reactor, self.supervisor = self.harness.reactor, self.harness.supervisor

    def assertState(self, state: str, living: int) -> None:
        self.assertEqual((self.supervisor.state, len(self.reactor.running_processes)), (state, living))
        self.assertEqual(self.supervisor.up, state == "Up")


class StartTests(SupervisorTestCase):
    def test_it_is_a_service_and_starts_no_process_before_startService(self) -> None:
        verifyObject(IService, self.supervisor)
        self.assertState("Stopped", 0)
        self.assertEqual((self.supervisor.pid, self.supervisor.last_exit), (None, ""))

    def test_a_child_is_up_once_its_handshake_is_done(self) -> None:
        self.supervisor.startService()
        self.assertState("Starting", 1)
        self.assertEqual((self.harness.notifications, self.supervisor.pid), ([], 1000))
        self.harness.handshakes[0].callback("hello")
        self.assertState("Up", 1)
        self.assertEqual(self.harness.notifications, [("up", 1000, "hello")])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_handshake_may_succeed_at_once(self) -> None:
        self.harness.begin_handshake = lambda child: succeed("quick")
        self.supervisor.startService()
        self.assertEqual((self.supervisor.state, self.harness.notifications), ("Up", [("up", 1000, "quick")]))

    def test_a_handshake_may_be_a_coroutine(self) -> None:
        async def begin_handshake(child: object) -> str:
            return "hello"

        self.harness.begin_handshake = begin_handshake
        self.supervisor.startService()
        self.assertState("Up", 1)

    def test_starting_twice_gives_one_child(self) -> None:
        self.supervisor.startService()
        self.supervisor.startService()
        self.assertEqual(len(self.reactor.processes), 1)


class FailedStartTests(SupervisorTestCase):
    def assertKilledAndRestarted(self, reason: str) -> None:
        self.assertState("Killing", 1)
        self.assertEqual(self.harness.process.signals, ["KILL"])
        self.reactor.advance(0.1)
        self.assertState("BackingOff", 0)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)
        self.assertEqual((self.harness.notifications, self.supervisor.last_exit), ([], f"killed by codexd: {reason}"))

    def test_a_child_whose_handshake_fails_is_killed(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exit_seconds=0.1)
        self.supervisor.startService()
        self.harness.handshakes[0].errback(ValueError("no"))
        self.assertKilledAndRestarted("handshake failed: ValueError")

    def test_a_child_whose_handshake_fails_at_once_is_killed(self) -> None:
        self.harness.begin_handshake = lambda child: fail(ValueError("no"))
        self.supervisor.startService()
        self.assertState("Killing", 1)

    def test_a_child_whose_handshake_raises_is_killed(self) -> None:
        def begin_handshake(child: object) -> None:
            raise ValueError("no")

        self.harness.begin_handshake = begin_handshake
        self.supervisor.startService()
        self.assertState("Killing", 1)

    def test_a_child_whose_handshake_misses_its_deadline_is_killed(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exit_seconds=0.1)
        self.supervisor.startService()
        self.reactor.advance(9.99)
        self.assertState("Starting", 1)
        self.reactor.advance(0.01)
        self.assertKilledAndRestarted("no handshake within 10 s")
        self.assertEqual(len(self.harness.handshakes), 2)

    def test_the_next_start_waits_for_the_exit_of_the_killed_child(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exit_seconds=60)
        self.supervisor.startService()
        self.harness.handshakes[0].errback(ValueError("no"))
        self.reactor.advance(59)
        self.assertState("Killing", 1)
        self.reactor.advance(1)
        self.assertState("BackingOff", 0)

    def test_an_exit_during_the_handshake_cancels_it(self) -> None:
        self.supervisor.startService()
        self.harness.process.exit(2)
        self.assertState("BackingOff", 0)
        self.assertEqual((len(self.harness.cancelled), self.supervisor.last_exit), (1, "exit code 2"))

    def test_the_next_start_is_known_while_it_is_waited_for(self) -> None:
        self.supervisor.startService()
        self.assertIsNone(self.supervisor.next_start_seconds)
        self.harness.process.exit(2)
        waits = self.supervisor.next_start_seconds
        assert waits is not None
        self.reactor.advance(waits / 2)
        self.assertAlmostEqual(self.supervisor.next_start_seconds or 0.0, waits / 2)
        self.reactor.advance(waits / 2)
        self.assertEqual((self.supervisor.next_start_seconds, self.supervisor.restarts), (None, 1))

    def test_a_late_result_of_an_old_handshake_is_ignored(self) -> None:
        self.supervisor.startService()
        first = self.harness.handshakes[0]
        first.cancel = lambda: None
        self.harness.process.exit(2)
        self.reactor.advance(0.5)
        first.callback("too late")
        self.assertState("Starting", 1)

    def test_a_program_that_cannot_be_run_counts_as_an_exit(self) -> None:
        self.reactor.error = FileNotFoundError(2, "No such file", "/opt/codex")
        self.supervisor.startService()
        self.assertState("BackingOff", 0)
        self.assertIn("No such file", self.supervisor.last_exit)
        self.reactor.error = None
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)

    def test_a_child_that_exits_while_it_is_spawned(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exits_at_once=True)
        self.supervisor.startService()
        self.assertState("BackingOff", 0)
        self.assertEqual((self.harness.handshakes, self.supervisor.last_exit), ([], "exit code 1"))

    def test_a_spawn_that_raises_after_the_start_leaves_no_child(self) -> None:
        spawn = self.harness.spawn

        def spawn_and_raise(child: object) -> None:
            spawn(child)
            raise ValueError("too late")

        self.harness.spawn = spawn_and_raise
        self.supervisor.startService()
        self.assertState("Starting", 1)
        self.reactor.advance(0)
        self.assertState("BackingOff", 0)

    def test_a_spawn_that_starts_nothing_counts_as_an_exit(self) -> None:
        self.harness.spawn = lambda child: None
        self.supervisor.startService()
        self.assertState("BackingOff", 0)


class LossTests(SupervisorTestCase):
    def test_an_exit_is_reported_at_once_and_followed_by_a_restart(self) -> None:
        self.harness.bring_up().exit(signal=SIGKILL)
        self.assertState("BackingOff", 0)
        self.assertEqual(
            (self.harness.notifications, self.supervisor.last_exit),
            ([("lost", "killed by SIGKILL")], "killed by SIGKILL"),
        )
        self.reactor.advance(0.49)
        self.assertState("BackingOff", 0)
        self.reactor.advance(0.01)
        self.assertState("Starting", 1)
        self.harness.handshakes[-1].callback("again")
        self.assertState("Up", 1)
        self.assertEqual((self.harness.notifications[1:], len(self.reactor.processes)), ([("up", 1001, "again")], 2))

    def test_the_exit_of_a_child_that_hung_says_that_codexd_killed_it(self) -> None:
        process = self.harness.bring_up()
        self.supervisor.child_hung("it did not respond")
        with capturedLogs() as logged:
            process.exit(signal=SIGKILL)
        (exited,) = (event for event in logged if event.get("event") == "child_exited")
        self.assertEqual(exited["reason"], "killed by codexd: it did not respond")
        self.assertEqual(self.supervisor.last_exit, exited["reason"])
        self.reactor.advance(1)
        self.harness.process.exit(signal=SIGKILL)
        self.assertEqual(self.supervisor.last_exit, "killed by SIGKILL")

    def test_on_lost_sees_that_the_slot_is_not_up(self) -> None:
        seen = []
        self.harness.bring_up()
        self.harness.on_lost = lambda reason: seen.append((self.supervisor.up, self.supervisor.pid))
        self.harness.process.exit()
        self.assertEqual(seen, [(False, None)])

    def test_the_delays_of_a_crash_loop_grow(self) -> None:
        self.harness.bring_up().exit(1)
        for seconds in (0.5, 1, 2, 4):
            self.reactor.advance(seconds - 0.01)
            self.assertState("BackingOff", 0)
            self.reactor.advance(0.01)
            self.assertState("Starting", 1)
            self.harness.process.exit(1)

    def test_a_child_that_was_up_long_enough_resets_the_delay(self) -> None:
        self.harness.bring_up().exit(1)
        self.reactor.advance(0.5)
        self.harness.handshakes[-1].callback("again")
        self.reactor.advance(30)
        self.harness.process.exit(1)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)

    def test_open_pipes_of_an_exited_child_are_closed_at_the_next_start(self) -> None:
        process = self.harness.bring_up()
        process.pauseProducing()
        process.exit()
        self.reactor.advance(0.5)
        self.reactor.advance(0)
        self.assertTrue(process.ended)

    def test_exceptions_of_callbacks_are_logged_and_change_nothing(self) -> None:
        def fail_always(*_: object) -> None:
            raise ValueError("a listener")

        self.harness.on_up = self.harness.on_lost = fail_always
        self.supervisor.startService()
        self.harness.handshakes[0].callback("hello")
        self.assertState("Up", 1)
        self.harness.process.exit(1)
        self.assertState("BackingOff", 0)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_on_up_may_stop_the_slot(self) -> None:
        self.harness.on_up = lambda *_: self.supervisor.stopService()
        self.supervisor.startService()
        self.harness.handshakes[0].callback("hello")
        self.assertState("Stopping", 1)


class DownTests(SupervisorTestCase):
    def bring_down(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exits_at_once=True)
        self.supervisor.startService()
        self.reactor.pump([0.5, 1, 2, 4, 8, 0])
        self.assertState("Down", 0)
        self.assertEqual(len(self.reactor.processes), 6)

    def test_after_too_many_restarts_it_is_down_for_a_window(self) -> None:
        self.bring_down()
        self.reactor.behaviour = ProcessBehaviour()
        self.reactor.advance(599)
        self.assertState("Down", 0)
        self.reactor.advance(1)
        self.assertState("Starting", 1)
        self.harness.process.exit(1)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)

    def test_after_the_window_no_timer_is_left(self) -> None:
        self.bring_down()
        self.reactor.behaviour = ProcessBehaviour()
        self.reactor.advance(600)
        self.assertState("Starting", 1)
        self.harness.handshakes[-1].callback("hello")
        self.reactor.advance(0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_can_be_stopped(self) -> None:
        self.bring_down()
        self.successResultOf(self.supervisor.stopService())
        self.assertState("Stopped", 0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class StopTests(SupervisorTestCase):
    def test_the_child_is_terminated_and_its_exit_awaited(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exit_seconds=1)
        self.harness.bring_up()
        stopped = self.supervisor.stopService()
        self.assertState("Stopping", 1)
        self.assertNoResult(stopped)
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)
        self.assertEqual(
            (self.harness.process.signals, self.harness.notifications), (["TERM"], [("lost", "killed by SIGTERM")])
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_child_that_does_not_exit_is_killed_after_the_grace_period(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(ignores_term=True, exit_seconds=0.1)
        self.harness.bring_up()
        stopped = self.supervisor.stopService()
        self.reactor.advance(4.99)
        self.assertEqual(self.harness.process.signals, ["TERM"])
        self.reactor.advance(0.01)
        self.assertEqual(self.harness.process.signals, ["TERM", "KILL"])
        self.assertNoResult(stopped)
        self.reactor.advance(0.1)
        self.successResultOf(stopped)

    def test_stopping_while_starting_ends_that_child_and_its_handshake(self) -> None:
        self.supervisor.startService()
        stopped = self.supervisor.stopService()
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((len(self.harness.cancelled), self.harness.notifications), (1, []))
        self.assertState("Stopped", 0)

    def test_stopping_while_killing_waits_for_the_exit(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exit_seconds=1)
        self.supervisor.startService()
        self.harness.handshakes[0].errback(ValueError("no"))
        stopped = self.supervisor.stopService()
        self.assertNoResult(stopped)
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)

    def test_stopping_while_backing_off_prevents_the_restart(self) -> None:
        self.harness.bring_up().exit(1)
        self.successResultOf(self.supervisor.stopService())
        self.reactor.advance(100)
        self.assertState("Stopped", 0)

    def test_stopping_a_stopped_slot_ends_at_once(self) -> None:
        self.successResultOf(self.supervisor.stopService())

    def test_stopping_twice_fires_both_deferreds(self) -> None:
        self.harness.bring_up()
        stopped = [self.supervisor.stopService(), self.supervisor.stopService()]
        self.reactor.advance(0)
        for each in stopped:
            self.successResultOf(each)

    def test_cancelling_the_deferred_does_not_cancel_the_stop(self) -> None:
        self.harness.bring_up()
        given_up, stopped = self.supervisor.stopService(), self.supervisor.stopService()
        given_up.cancel()
        self.failureResultOf(given_up)
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)

    def test_a_start_while_stopping_happens_after_the_exit(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exit_seconds=1)
        self.harness.bring_up()
        stopped = self.supervisor.stopService()
        self.supervisor.startService()
        self.assertState("Stopping", 1)
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Starting", 1)
        self.assertEqual(len(self.reactor.processes), 2)

    def test_of_a_start_and_a_stop_while_stopping_the_last_counts(self) -> None:
        self.reactor.behaviour = ProcessBehaviour(exit_seconds=1)
        self.harness.bring_up()
        self.supervisor.stopService()
        self.supervisor.startService()
        stopped = self.supervisor.stopService()
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)
