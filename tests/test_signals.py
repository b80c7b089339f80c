"""The signals of the daemon."""

import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.signals import Signals

HANDLED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)


class SignalReactor:
    """A reactor that calls functions when the test says so, and whose own handlers stop it."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []
        self.stops: list[int] = []

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        self.calls.append(lambda: function(*args))

    def callWhenRunning(self, function: Callable[[], object]) -> None:
        self.run = function

    def start(self) -> None:
        """Install the own handlers, then those of the daemon."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda received, frame: self.stops.append(received))
        self.run()

    def turn(self) -> None:
        """Make the calls that wait."""
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class RecordingTarget:
    """Records what signals do (SignalTarget)."""

    def __init__(self) -> None:
        self.actions: list[str] = []

    def __getattr__(self, action: str) -> Any:
        return lambda: self.actions.append(action)


class SignalTests(SynchronousTestCase):
    def setUp(self) -> None:
        for number in HANDLED:
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.reactor, self.target = SignalReactor(), RecordingTarget()
        self.signals = Signals(self.reactor, self.target)

    def send(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    def test_before_the_reactor_runs_nothing_but_a_stop_ends_the_process(self) -> None:
        self.signals.install()
        self.send(signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        self.assertEqual(self.target.actions, [])
        self.reactor.turn()
        self.assertEqual(self.target.actions, ["reload", "reopen_log"])
        self.assertNotEqual(signal.getsignal(signal.SIGTERM), self.signals._stop)

    def test_an_ignored_hangup_reloads(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.signals.install()
        self.send(signal.SIGHUP)
        self.reactor.turn()
        self.assertEqual(self.target.actions, ["reload"])

    def test_the_first_stop_is_the_reactors_and_the_second_one_hurries(self) -> None:
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT), (signal.SIGINT,) * 2):
            self.setUp()
            self.signals.install()
            self.reactor.start()
            self.send(first)
            self.assertEqual((self.reactor.stops, self.reactor.calls), ([first], []))
            self.send(second)
            self.reactor.turn()
            self.assertEqual((self.reactor.stops, self.target.actions), ([first], ["hurry"]))
            for number in (signal.SIGTERM, signal.SIGINT):
                self.assertEqual(signal.getsignal(number), signal.SIG_DFL)

    def test_an_ignored_interrupt_stays_ignored(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.signals.install()
        self.reactor.start()
        self.assertEqual(signal.getsignal(signal.SIGINT), signal.SIG_IGN)
