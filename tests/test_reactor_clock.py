"""The reactor's clock is monotonic."""

import time

from twisted.internet.base import ReactorBase
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from codexd.reactor_clock import use_monotonic_time


class BareReactor(ReactorBase):
    """Twisted's base of all reactors, without I/O."""

    def installWaker(self) -> None:
        """Install nothing: nobody wakes this reactor."""


class ReactorClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = BareReactor()

    def test_a_new_timer_is_due_on_the_monotonic_clock(self) -> None:
        self.assertTrue(use_monotonic_time(self.reactor))
        before = time.monotonic()
        timer = self.reactor.callLater(10, lambda: None)
        self.assertTrue(before + 10 <= timer.getTime() <= time.monotonic() + 10)
        timer.reset(20)
        self.assertTrue(before + 20 <= timer.getTime() <= time.monotonic() + 20)

    def test_a_due_timer_is_called(self) -> None:
        use_monotonic_time(self.reactor)
        called: list[int] = []
        self.reactor.callLater(0, called.append, 1)
        self.reactor.runUntilCurrent()
        self.assertEqual(called, [1])

    def test_a_reactor_with_timers_keeps_its_clock(self) -> None:
        self.reactor.callLater(10, lambda: None)
        self.assertFalse(use_monotonic_time(self.reactor))
        self.assertIsNot(self.reactor.seconds, time.monotonic)

    def test_it_is_idempotent(self) -> None:
        self.assertTrue(use_monotonic_time(self.reactor))
        self.reactor.callLater(10, lambda: None)
        self.assertTrue(use_monotonic_time(self.reactor))

    def test_a_reactor_of_tests_has_the_same_interface(self) -> None:
        reactor = MemoryReactorClock()
        self.assertTrue(use_monotonic_time(reactor))
