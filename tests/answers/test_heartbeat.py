from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.heartbeat import Heartbeat


class HeartbeatTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.fired: list[float] = []
        self.heartbeat = Heartbeat(self.clock, 15.0, lambda: self.fired.append(self.clock.seconds()))

    def test_it_fires_after_every_silent_period(self) -> None:
        self.clock.pump([1.0] * 46)
        self.assertEqual(self.fired, [15.0, 30.0, 45.0])

    def test_activity_postpones_it(self) -> None:
        self.clock.advance(10)
        self.heartbeat.touch()
        self.clock.pump([1.0] * 14)
        self.assertEqual(self.fired, [])
        self.clock.pump([1.0])
        self.assertEqual(self.fired, [25.0])

    def test_activity_does_not_reset_the_timer(self) -> None:
        before = self.clock.getDelayedCalls()
        self.heartbeat.touch()
        self.assertEqual(self.clock.getDelayedCalls(), before)

    def test_it_does_not_fire_once_stopped(self) -> None:
        self.heartbeat.stop()
        self.heartbeat.stop()
        self.clock.advance(100)
        self.assertEqual(self.fired, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_can_be_stopped_while_it_fires(self) -> None:
        heartbeat = Heartbeat(self.clock, 5.0, lambda: heartbeat.stop())
        self.heartbeat.stop()
        self.clock.advance(5)
        self.assertEqual(self.clock.getDelayedCalls(), [])
