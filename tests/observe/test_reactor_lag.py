from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.reactor_lag import ReactorLag


class ReactorLagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.observed = Clock(), list[float]()
        self.lag = ReactorLag(self.clock, self.observed.append)
        self.lag.start()

    def test_a_timer_that_fires_in_time_has_no_lag(self) -> None:
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertEqual(self.observed, [0.0, 0.0])

    def test_the_time_for_which_the_reactor_was_held_is_the_lag(self) -> None:
        self.clock.advance(1.75)
        self.clock.advance(1)
        self.assertEqual(self.observed, [0.75, 0.0])

    def test_a_stop_leaves_no_timer(self) -> None:
        self.lag.stop()
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
