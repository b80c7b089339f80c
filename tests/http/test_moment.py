from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.moment import Moment


class TestMoment(SynchronousTestCase):
    def setUp(self) -> None:
        self.moment = Moment()

    def test_all_who_wait_are_told_when_it_comes(self) -> None:
        waiting = [self.moment.wait() for _ in range(3)]
        self.assertNoResult(waiting[0])
        self.moment.happen()
        for one in waiting:
            self.successResultOf(one)

    def test_who_comes_later_need_not_wait(self) -> None:
        self.moment.happen()
        self.successResultOf(self.moment.wait())

    def test_who_stops_waiting_disturbs_nobody(self) -> None:
        left, stays = self.moment.wait(), self.moment.wait()
        left.cancel()
        self.failureResultOf(left, CancelledError)
        self.moment.happen()
        self.successResultOf(stays)

    def test_it_comes_once(self) -> None:
        self.moment.happen()
        self.moment.happen()
        self.assertTrue(self.moment.come)
