"""Tests of codexd.decode_thread."""

import gc
import weakref
from collections.abc import Callable
from threading import Event
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.decode_thread import DecodeThread

SECONDS = 10.0


class Reactor:
    """Keeps the calls from the thread until the test makes them."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.called = Event()

    def callFromThread(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.calls.append((call, arguments))
        self.called.set()

    def make_calls(self) -> None:
        calls, self.calls = self.calls, []
        for call, arguments in calls:
            call(*arguments)


class Body:
    """What work refers to."""


class DecodeThreadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.thread = DecodeThread(self.reactor)
        self.thread.start()
        self.addCleanup(self.finish)
        self.began, self.go_on, self.stopped = Event(), Event(), False

    def finish(self) -> None:
        """Let the thread finish all work, and deliver the results."""
        self.go_on.set()
        if not self.stopped:
            self.stopped = True
            self.thread.stop()
        self.reactor.make_calls()

    def occupy(self) -> "Deferred[str]":
        """Let the thread work until `go_on`."""

        def work() -> str:
            self.began.set()
            self.go_on.wait(SECONDS)
            return "worked"

        result = self.thread.run(work)
        self.assertTrue(self.began.wait(SECONDS))
        return result

    def test_it_returns_the_result_or_the_failure(self) -> None:
        for work, succeeds in ((lambda: 1, True), (lambda: 1 // 0, False)):
            self.reactor.called.clear()
            result = self.thread.run(work)
            self.assertTrue(self.reactor.called.wait(SECONDS))
            self.reactor.make_calls()
            if succeeds:
                self.assertEqual(self.successResultOf(result), 1)
            else:
                self.failureResultOf(result, ZeroDivisionError)

    def test_work_that_is_cancelled_while_it_waits_is_dropped_with_its_body(self) -> None:
        self.occupy()
        done, body = list[str](), Body()
        kept = weakref.ref(body)
        result = self.thread.run(lambda of=body: done.append(repr(of)))
        del body
        gc.collect()
        self.assertIsNotNone(kept())
        result.cancel()
        self.failureResultOf(result, CancelledError)
        gc.collect()
        self.assertIsNone(kept())
        self.finish()
        self.assertEqual(done, [])

    def test_the_result_of_work_that_is_cancelled_while_it_runs_is_dropped(self) -> None:
        result = self.occupy()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.finish()
        self.assertEqual(self.flushLoggedErrors(), [])
