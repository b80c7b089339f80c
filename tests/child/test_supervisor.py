"""One child, kept up: the stories. The law is in test_machine."""

from signal import SIGKILL

from twisted.application.service import IService
from twisted.internet.defer import fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.support.process import Temper
from tests.support.rig import Rig


class SupervisorTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = Rig()
        self.reactor, self.supervisor = self.rig.reactor, self.rig.supervisor

    def assertState(self, state: str, living: int) -> None:
        self.assertEqual((self.supervisor.state, len(self.reactor.living)), (state, living))
        self.assertEqual(self.supervisor.up, state == "Up")


class StartTests(SupervisorTestCase):
    def test_it_is_a_service_that_runs_nothing_before_it_starts(self) -> None:
        verifyObject(IService, self.supervisor)
        self.assertState("Stopped", 0)
        self.assertEqual(
            (self.supervisor.pid, self.supervisor.restarts, self.supervisor.last_exit), (None, 0, "")
        )

    def test_a_child_is_up_when_its_handshake_is_done_and_not_before(self) -> None:
        self.supervisor.startService()
        self.assertState("Starting", 1)
        self.assertEqual((self.rig.told, self.supervisor.pid), ([], 1000))
        self.rig.handshakes[0].callback("hello")
        self.assertState("Up", 1)
        self.assertEqual(self.rig.told, [("up", 1000, "hello")])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_handshake_may_be_done_at_once(self) -> None:
        self.rig.shake_hands = lambda child: succeed("quick")
        self.supervisor.startService()
        self.assertEqual((self.supervisor.state, self.rig.told), ("Up", [("up", 1000, "quick")]))

    def test_a_handshake_may_be_a_coroutine(self) -> None:
        async def shake_hands(child: object) -> str:
            return "hello"

        self.rig.shake_hands = shake_hands
        self.supervisor.startService()
        self.assertState("Up", 1)

    def test_starting_twice_gives_one_child(self) -> None:
        self.supervisor.startService()
        self.supervisor.startService()
        self.assertEqual(len(self.reactor.processes), 1)


class FailedStartTests(SupervisorTestCase):
    def assertKilledAndTriedAgain(self) -> None:
        self.assertState("Killing", 1)
        self.assertEqual(self.rig.process.signals, ["KILL"])
        self.reactor.advance(0.1)
        self.assertState("BackingOff", 0)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)
        self.assertEqual((self.rig.told, self.supervisor.last_exit), ([], "killed by SIGKILL"))

    def test_a_handshake_that_fails_costs_the_child_its_life(self) -> None:
        self.reactor.temper = Temper(dying_seconds=0.1)
        self.supervisor.startService()
        self.rig.handshakes[0].errback(ValueError("no"))
        self.assertKilledAndTriedAgain()

    def test_a_handshake_that_fails_at_once_does_too(self) -> None:
        self.rig.shake_hands = lambda child: fail(ValueError("no"))
        self.supervisor.startService()
        self.assertState("Killing", 1)

    def test_a_handshake_that_raises_does_too(self) -> None:
        def shake_hands(child: object) -> None:
            raise ValueError("no")

        self.rig.shake_hands = shake_hands
        self.supervisor.startService()
        self.assertState("Killing", 1)

    def test_a_handshake_that_passes_its_deadline_does_too(self) -> None:
        self.reactor.temper = Temper(dying_seconds=0.1)
        self.supervisor.startService()
        self.reactor.advance(9.99)
        self.assertState("Starting", 1)
        self.reactor.advance(0.01)
        self.assertKilledAndTriedAgain()
        self.assertEqual(len(self.rig.handshakes), 2)

    def test_the_next_start_waits_for_the_killed_child_to_be_gone(self) -> None:
        self.reactor.temper = Temper(dying_seconds=60)
        self.supervisor.startService()
        self.rig.handshakes[0].errback(ValueError("no"))
        self.reactor.advance(59)
        self.assertState("Killing", 1)
        self.reactor.advance(1)
        self.assertState("BackingOff", 0)

    def test_a_child_that_goes_during_its_handshake_is_an_exit_and_the_handshake_is_cancelled(self) -> None:
        self.supervisor.startService()
        self.rig.process.exit(2)
        self.assertState("BackingOff", 0)
        self.assertEqual((len(self.rig.cancelled), self.supervisor.last_exit), (1, "exit code 2"))

    def test_a_late_answer_of_an_old_handshake_is_not_heard(self) -> None:
        self.supervisor.startService()
        first = self.rig.handshakes[0]
        first.cancel = lambda: None
        self.rig.process.exit(2)
        self.reactor.advance(0.5)
        first.callback("from the grave")
        self.assertState("Starting", 1)

    def test_a_program_that_cannot_be_run_is_an_exit(self) -> None:
        self.reactor.error = FileNotFoundError(2, "No such file", "/opt/codex")
        self.supervisor.startService()
        self.assertState("BackingOff", 0)
        self.assertIn("No such file", self.supervisor.last_exit)
        self.reactor.error = None
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)

    def test_a_child_that_is_gone_before_spawning_returns_is_an_exit(self) -> None:
        self.reactor.temper = Temper(stillborn=True)
        self.supervisor.startService()
        self.assertState("BackingOff", 0)
        self.assertEqual((self.rig.handshakes, self.supervisor.last_exit), ([], "exit code 1"))

    def test_a_spawn_that_raises_after_all_leaves_no_orphan(self) -> None:
        spawn = self.rig.spawn

        def spawn_and_raise(child: object) -> None:
            spawn(child)
            raise ValueError("too late")

        self.rig.spawn = spawn_and_raise
        self.supervisor.startService()
        self.assertState("Starting", 1)
        self.reactor.advance(0)
        self.assertState("BackingOff", 0)

    def test_a_spawn_that_does_nothing_is_an_exit(self) -> None:
        self.rig.spawn = lambda child: None
        self.supervisor.startService()
        self.assertState("BackingOff", 0)


class LossTests(SupervisorTestCase):
    def test_a_killed_child_is_lost_at_once_and_replaced_after_half_a_second(self) -> None:
        self.rig.bring_up().exit(signal=SIGKILL)
        self.assertState("BackingOff", 0)
        self.assertEqual(
            (self.rig.told, self.supervisor.last_exit), ([("lost", "killed by SIGKILL")], "killed by SIGKILL")
        )
        self.reactor.advance(0.49)
        self.assertState("BackingOff", 0)
        self.reactor.advance(0.01)
        self.assertState("Starting", 1)
        self.rig.handshakes[-1].callback("again")
        self.assertState("Up", 1)
        self.assertEqual((self.rig.told[1:], self.supervisor.restarts), ([("up", 1001, "again")], 1))

    def test_the_listener_sees_that_the_slot_is_not_up(self) -> None:
        seen = []
        self.rig.bring_up()
        self.rig.on_lost = lambda reason: seen.append((self.supervisor.up, self.supervisor.pid))
        self.rig.process.exit()
        self.assertEqual(seen, [(False, None)])

    def test_a_crash_loop_waits_ever_longer(self) -> None:
        self.rig.bring_up().exit(1)
        for seconds in (0.5, 1, 2, 4):
            self.reactor.advance(seconds - 0.01)
            self.assertState("BackingOff", 0)
            self.reactor.advance(0.01)
            self.assertState("Starting", 1)
            self.rig.process.exit(1)

    def test_a_child_that_was_up_for_long_ends_the_streak(self) -> None:
        self.rig.bring_up().exit(1)
        self.reactor.advance(0.5)
        self.rig.handshakes[-1].callback("again")
        self.reactor.advance(30)
        self.rig.process.exit(1)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)

    def test_the_leftover_pipes_of_a_lost_child_are_closed_when_the_next_starts(self) -> None:
        process = self.rig.bring_up()
        process.pauseProducing()
        process.exit()
        self.reactor.advance(0.5)
        self.reactor.advance(0)
        self.assertTrue(process.ended)

    def test_listeners_that_raise_are_logged_and_change_nothing(self) -> None:
        def cry(*_: object) -> None:
            raise ValueError("a listener")

        self.rig.on_up = self.rig.on_lost = cry
        self.supervisor.startService()
        self.rig.handshakes[0].callback("hello")
        self.assertState("Up", 1)
        self.rig.process.exit(1)
        self.assertState("BackingOff", 0)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_a_listener_may_stop_the_slot(self) -> None:
        self.rig.on_up = lambda *_: self.supervisor.stopService()
        self.supervisor.startService()
        self.rig.handshakes[0].callback("hello")
        self.assertState("Stopping", 1)


class DownTests(SupervisorTestCase):
    def bring_down(self) -> None:
        self.reactor.temper = Temper(stillborn=True)
        self.supervisor.startService()
        self.reactor.pump([0.5, 1, 2, 4, 8, 0])
        self.assertState("Down", 0)
        self.assertEqual(self.supervisor.restarts, 5)

    def test_after_too_many_restarts_it_stays_down_for_a_window_and_then_begins_anew(self) -> None:
        self.bring_down()
        self.reactor.temper = Temper()
        self.reactor.advance(599)
        self.assertState("Down", 0)
        self.reactor.advance(1)
        self.assertState("Starting", 1)
        self.rig.process.exit(1)
        self.reactor.advance(0.5)
        self.assertState("Starting", 1)

    def test_it_can_be_awakened(self) -> None:
        self.bring_down()
        self.reactor.temper = Temper()
        self.supervisor.awaken()
        self.assertState("Starting", 1)
        self.rig.handshakes[-1].callback("hello")
        self.reactor.advance(0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_only_what_is_down_is_awakened(self) -> None:
        self.supervisor.awaken()
        self.assertState("Stopped", 0)
        self.rig.bring_up()
        self.supervisor.awaken()
        self.assertEqual(len(self.reactor.processes), 1)

    def test_it_can_be_stopped(self) -> None:
        self.bring_down()
        self.successResultOf(self.supervisor.stopService())
        self.assertState("Stopped", 0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class StopTests(SupervisorTestCase):
    def test_the_child_is_asked_and_the_end_awaited(self) -> None:
        self.reactor.temper = Temper(dying_seconds=1)
        self.rig.bring_up()
        stopped = self.supervisor.stopService()
        self.assertState("Stopping", 1)
        self.assertNoResult(stopped)
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)
        self.assertEqual(
            (self.rig.process.signals, self.rig.told), (["TERM"], [("lost", "killed by SIGTERM")])
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_child_that_will_not_is_killed_after_its_grace(self) -> None:
        self.reactor.temper = Temper(ignores_term=True, dying_seconds=0.1)
        self.rig.bring_up()
        stopped = self.supervisor.stopService()
        self.reactor.advance(4.99)
        self.assertEqual(self.rig.process.signals, ["TERM"])
        self.reactor.advance(0.01)
        self.assertEqual(self.rig.process.signals, ["TERM", "KILL"])
        self.assertNoResult(stopped)
        self.reactor.advance(0.1)
        self.successResultOf(stopped)

    def test_stopping_while_starting_ends_that_child_and_its_handshake(self) -> None:
        self.supervisor.startService()
        stopped = self.supervisor.stopService()
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((len(self.rig.cancelled), self.rig.told), (1, []))
        self.assertState("Stopped", 0)

    def test_stopping_while_killing_waits_for_the_end(self) -> None:
        self.reactor.temper = Temper(dying_seconds=1)
        self.supervisor.startService()
        self.rig.handshakes[0].errback(ValueError("no"))
        stopped = self.supervisor.stopService()
        self.assertNoResult(stopped)
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)

    def test_stopping_while_backing_off_starts_nothing_more(self) -> None:
        self.rig.bring_up().exit(1)
        self.successResultOf(self.supervisor.stopService())
        self.reactor.advance(100)
        self.assertState("Stopped", 0)

    def test_stopping_what_does_not_run_is_done_at_once(self) -> None:
        self.successResultOf(self.supervisor.stopService())

    def test_stopping_twice_tells_both(self) -> None:
        self.rig.bring_up()
        stopped = [self.supervisor.stopService(), self.supervisor.stopService()]
        self.reactor.advance(0)
        for each in stopped:
            self.successResultOf(each)

    def test_cancelling_the_wait_leaves_the_stop_alone(self) -> None:
        self.rig.bring_up()
        given_up, stopped = self.supervisor.stopService(), self.supervisor.stopService()
        given_up.cancel()
        self.failureResultOf(given_up)
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)

    def test_a_start_while_stopping_comes_after_the_end(self) -> None:
        self.reactor.temper = Temper(dying_seconds=1)
        self.rig.bring_up()
        stopped = self.supervisor.stopService()
        self.supervisor.startService()
        self.assertState("Stopping", 1)
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Starting", 1)
        self.assertEqual((len(self.reactor.processes), self.supervisor.restarts), (2, 0))

    def test_the_last_word_counts(self) -> None:
        self.reactor.temper = Temper(dying_seconds=1)
        self.rig.bring_up()
        self.supervisor.stopService()
        self.supervisor.startService()
        stopped = self.supervisor.stopService()
        self.reactor.advance(1)
        self.successResultOf(stopped)
        self.assertState("Stopped", 0)
