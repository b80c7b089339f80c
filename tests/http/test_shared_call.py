"""Tests of codexd.http.shared_call."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.shared_call import SharedCall


class SharedCallTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.running: list[Deferred[int]] = []
        self.shared = SharedCall(self.call)

    async def call(self) -> int:
        self.running.append(Deferred())
        return await self.running[-1]

    def test_everybody_gets_the_result_of_the_one_call(self) -> None:
        waiting = [self.shared.wait() for _ in range(100)]
        (call,) = self.running
        call.callback(7)
        self.assertEqual([self.successResultOf(one) for one in waiting], [7] * 100)

    def test_after_its_end_the_next_one_begins_another(self) -> None:
        self.shared.wait()
        self.running[0].callback(1)
        later = self.shared.wait()
        self.assertEqual(len(self.running), 2)
        self.running[1].callback(2)
        self.assertEqual(self.successResultOf(later), 2)

    def test_who_stops_waiting_does_not_end_the_call_for_others(self) -> None:
        first, second = self.shared.wait(), self.shared.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.running[0].callback(7)
        self.assertEqual(self.successResultOf(second), 7)

    def test_a_failure_is_that_of_all(self) -> None:
        waiting = [self.shared.wait(), self.shared.wait()]
        self.running[0].errback(ValueError())
        for one in waiting:
            self.failureResultOf(one, ValueError)
