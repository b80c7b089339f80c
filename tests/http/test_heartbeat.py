from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.heartbeat import Heartbeat


class TestHeartbeat(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.acted: list[float] = []
        self.heartbeat = Heartbeat(self.clock, 15.0, lambda: self.acted.append(self.clock.seconds()))

    def test_it_acts_after_every_silence(self) -> None:
        self.clock.pump([1.0] * 46)
        self.assertEqual(self.acted, [15.0, 30.0, 45.0])

    def test_a_sign_of_life_puts_it_off(self) -> None:
        self.clock.advance(10)
        self.heartbeat.touch()
        self.clock.pump([1.0] * 14)
        self.assertEqual(self.acted, [])
        self.clock.pump([1.0])
        self.assertEqual(self.acted, [25.0])

    def test_signs_of_life_move_no_timer(self) -> None:
        before = self.clock.getDelayedCalls()
        self.heartbeat.touch()
        self.assertEqual(self.clock.getDelayedCalls(), before)

    def test_stopped_it_acts_no_more(self) -> None:
        self.heartbeat.stop()
        self.heartbeat.stop()
        self.clock.advance(100)
        self.assertEqual(self.acted, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_may_be_stopped_while_it_acts(self) -> None:
        heartbeat = Heartbeat(self.clock, 5.0, lambda: heartbeat.stop())
        self.heartbeat.stop()
        self.clock.advance(5)
        self.assertEqual(self.clock.getDelayedCalls(), [])
