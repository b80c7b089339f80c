from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.one_shot_event import OneShotEvent


class OneShotEventTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.event = OneShotEvent()

    def test_every_caller_that_waits_is_notified(self) -> None:
        waiting = [self.event.wait() for _ in range(3)]
        self.assertNoResult(waiting[0])
        self.event.fire()
        for one in waiting:
            self.successResultOf(one)

    def test_a_later_caller_does_not_wait(self) -> None:
        self.event.fire()
        self.successResultOf(self.event.wait())

    def test_a_caller_that_stops_waiting_does_not_affect_the_others(self) -> None:
        left, stays = self.event.wait(), self.event.wait()
        left.cancel()
        self.failureResultOf(left, CancelledError)
        self.event.fire()
        self.successResultOf(stays)

    def test_it_can_be_fired_twice(self) -> None:
        self.event.fire()
        self.event.fire()
        self.assertTrue(self.event.fired)
