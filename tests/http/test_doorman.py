from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.doorman import Doorman
from codexd.neutral import event as e
from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from tests.support.fake_backend import message
from tests.support.http_cases import CHAT, ChatCase
from tests.support.in_memory_server import chat, metric


class Guest:
    """Leaves when dismissed."""

    def __init__(self, doorman: Doorman) -> None:
        self.doorman = doorman
        self.dismissed = 0

    def dismiss(self) -> None:
        self.dismissed += 1
        self.doorman.leave(self)


class TestDoorman(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.doorman = Doorman(self.clock, 10.0, self.metrics)
        self.guests = [Guest(self.doorman) for _ in range(2)]

    def test_who_is_inside_is_counted(self) -> None:
        for guest in self.guests:
            self.doorman.enter(guest)
        self.assertEqual(metric(self.metrics, "codexd_requests_running"), 2)
        self.doorman.leave(self.guests[0])
        self.doorman.leave(self.guests[0])
        self.assertEqual(metric(self.metrics, "codexd_requests_running"), 1)

    def test_once_closed_nobody_gets_in(self) -> None:
        self.successResultOf(self.doorman.close())
        with self.assertRaises(FaultError) as caught:
            self.doorman.enter(self.guests[0])
        self.assertEqual(caught.exception.fault.kind, "shutting_down")

    def test_closing_waits_for_the_last_to_leave(self) -> None:
        for guest in self.guests:
            self.doorman.enter(guest)
        closed, again = self.doorman.close(), self.doorman.close()
        self.doorman.leave(self.guests[0])
        self.assertNoResult(closed)
        self.doorman.leave(self.guests[1])
        self.successResultOf(closed)
        self.successResultOf(again)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_stays_too_long_is_dismissed(self) -> None:
        for guest in self.guests:
            self.doorman.enter(guest)
        closed = self.doorman.close()
        self.clock.advance(9.9)
        self.assertEqual([guest.dismissed for guest in self.guests], [0, 0])
        self.clock.advance(0.1)
        self.assertEqual([guest.dismissed for guest in self.guests], [1, 1])
        self.successResultOf(closed)

    def test_they_are_dismissed_in_the_order_in_which_they_came(self) -> None:
        dismissed: list[Guest] = []
        guests = [Guest(self.doorman) for _ in range(8)]
        for guest in guests:
            guest.dismiss = lambda guest=guest: dismissed.append(guest)  # type: ignore[method-assign,misc]
            self.doorman.enter(guest)
        self.doorman.close()
        self.clock.advance(10)
        self.assertEqual(dismissed, guests)

    def test_one_may_stop_waiting(self) -> None:
        self.doorman.enter(self.guests[0])
        closed, other = self.doorman.close(), self.doorman.close()
        closed.cancel()
        self.failureResultOf(closed)
        self.doorman.leave(self.guests[0])
        self.successResultOf(other)


class TestStopping(ChatCase):
    def test_new_requests_are_refused_and_running_ones_finish(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began())
        closed = self.server.doorman.close()
        response = self.server.request("POST", CHAT, chat())
        self.assertEqual((response.status, response.error["code"]), (503, "shutting_down"))
        self.assertEqual(response.headers["retry-after"], "5")
        self.assertNoResult(closed)
        turn.emit(*message(), e.Ended("stop"))
        self.assertEqual(self.texts()[-1], "[DONE]")
        self.successResultOf(closed)

    def test_a_running_one_that_takes_too_long_is_failed_and_cancelled(self) -> None:
        for stream, said, status in ((True, (e.Began(),), 200), (True, (), 503), (False, (e.Began(),), 503)):
            self.setUp()
            (turn,) = self.ask(stream=stream)
            turn.emit(*said)
            closed = self.server.doorman.close()
            self.server.clock.advance(10)
            response = self.connection.response
            self.assertEqual((response.status, response.whole), (status, True))
            error = response.error if status == 503 else response.events[-1]["error"]
            self.assertEqual(error["code"], "shutting_down")
            self.assertEqual(turn.actions, ["cancel"])
            self.successResultOf(closed)
            self.assert_nothing_running()

    def test_one_whose_client_does_not_read_is_broken_off(self) -> None:
        turn = self.start_stream()
        self.connection.transport.reading = False
        turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a" * 70_000))
        turn.emit(e.TextDelta(0, "b"))
        closed = self.server.doorman.close()
        self.server.clock.advance(9.9)
        self.assertFalse(self.connection.transport.aborted)
        self.server.clock.advance(0.1)
        self.assertTrue(self.connection.transport.aborted)
        self.successResultOf(closed)
        self.assert_nothing_running()

    def test_so_is_one_whose_client_has_not_taken_an_answer_that_ended(self) -> None:
        turn = self.start_stream()
        self.connection.transport.reading = False
        turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a" * 70_000))
        turn.emit(e.MessageClosed(0), e.Ended("stop"))
        closed = self.server.doorman.close()
        self.assertNoResult(closed)
        self.server.clock.advance(10)
        self.assertTrue(self.connection.transport.aborted)
        self.successResultOf(closed)
