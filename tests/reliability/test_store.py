"""The database is full, is removed, or does not respond, at each point of a turn."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import evolve

from tests.support.fault_cases import FaultTestCase
from tests.support.fault_client import ASKS, IN_BACKGROUND, Ask, Client
from tests.support.fault_daemon import DRAIN_SECONDS, SETTINGS, TEXT

STORED = tuple(ask for ask in ASKS if ask.endpoint == "responses")
LARGE = "x" * 30_000
"""Less than what is decoded in a thread, and more than what is free in a page."""
TIMEOUT_SECONDS = 31.0
"""Longer than `responses.call_seconds`."""


class FullTests(FaultTestCase):
    """There is no space for what is stored: `store_failed`; what stores nothing is answered."""

    code, stored_status = "store_failed", "failed"

    def inject(self) -> None:
        """Let the database not grow any more."""
        connection = self.daemon.executors[0].connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")

    def recover(self) -> None:
        """Let it grow again."""
        self.daemon.executors[0].connection.execute("PRAGMA max_page_count=1000000")

    def settle(self) -> None:
        """Let the time pass after which a call to the database has failed."""

    def ask(self, ask: Ask) -> Client:
        """Send a request whose response is large, if it is stored."""
        body = ask.body(self.daemon.model, TEXT)
        return self.daemon.send(ask, body | ({"instructions": LARGE} if ask.endpoint == "responses" else {}))

    def assert_failed(self, client: Client) -> None:
        """Let the model answer, and check the response, and those after the recovery."""
        for _ in range(2):
            if not client.end:
                self.daemon.answer()
                self.settle()
        self.assert_end(client, self.code if client.ask.endpoint == "responses" else "ok")

    def assert_recovered(self) -> None:
        """Check the responses after the recovery."""
        self.recover()
        self.daemon.run(6.0)
        self.assert_serves()

    def test_idle(self) -> None:
        for ask in self.idle():
            self.inject()
            self.assert_failed(self.ask(ask))
            self.assert_recovered()

    def test_in_the_queue(self) -> None:
        for ask in ASKS:
            self.open()
            self.holder, client = self.ask(ask), self.ask(ask)
            self.inject()
            self.assert_failed(self.holder)
            self.assert_failed(client)
            self.assert_recovered()

    def test_before_the_first_event(self) -> None:
        for ask in ASKS:
            self.open()
            client = self.ask(ask)
            self.inject()
            self.assert_failed(client)
            self.assert_recovered()

    def large(self, asks: tuple[Ask, ...]) -> Iterator[Client]:
        """Yield requests whose response has begun and will be large."""
        for ask in asks:
            self.open()
            client = self.ask(ask)
            self.daemon.answer_first()
            yield client

    def test_in_the_response(self) -> None:
        for client in self.large(ASKS):
            self.inject()
            self.assert_failed(client)
            self.assert_recovered()

    def test_background(self) -> None:
        for client in self.large(IN_BACKGROUND):
            self.inject()
            self.daemon.answer()
            self.settle()
            self.assertEqual(self.daemon.metric("background_finished_total", outcome=self.code), 1)
            self.assert_recovered()
            self.assertEqual(self.stored(client)["status"], self.stored_status)

    def test_a_background_response_that_is_not_accepted(self) -> None:
        for ask in IN_BACKGROUND:
            self.open()
            self.inject()
            client = self.ask(ask)
            self.settle()
            self.assertEqual(client.end, self.code)
            self.assertFalse(self.daemon.is_asked())
            self.assert_recovered()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.large(ASKS):
            self.inject()
            self.stopped = self.daemon.stop()
            self.assert_failed(client)
            self.assert_stopped()


class SilentTests(FullTests):
    """It does not respond: `store_timeout`. A call that was late may still take effect once it responds."""

    code, stored_status = "store_timeout", "completed"

    def inject(self) -> None:
        """Let calls to the database wait."""
        self.daemon.executors[0].delay_calls()

    def recover(self) -> None:
        """Let them return."""
        self.daemon.executors[0].run_delayed_calls()

    def settle(self) -> None:
        """Let the time pass that a call may take."""
        self.daemon.run(TIMEOUT_SECONDS)

    def test_while_the_daemon_drains(self) -> None:
        for client in self.large(STORED):
            self.inject()
            self.stopped = self.daemon.stop()
            self.daemon.answer()
            self.daemon.run(DRAIN_SECONDS + 1)
            self.assert_end(client, "shutting_down")
            self.recover()
            self.assert_stopped()


class RemovedTests(FaultTestCase):
    """The file is removed: it is restored, and the response is stored."""

    settings = evolve(SETTINGS, responses=evolve(SETTINGS.responses, database=None))

    def inject(self) -> None:
        """Remove the file and its log."""
        (self.file,) = self.home.rglob("responses.sqlite3")
        for name in self.file.parent.glob("responses.sqlite3*"):
            os.remove(name)

    @property
    def home(self) -> Path:
        return Path(self.daemon.home)

    def assert_restored(self, client: Client) -> None:
        """Let the model answer, and check that the response is in the file."""
        self.assert_answered(client)
        if client.ask.endpoint == "responses":
            self.assertTrue(self.file.exists())
            self.assertEqual(self.daemon.metric("store_restored_total"), 1)
            self.assertEqual(self.stored(client)["status"], "completed")

    def test_idle(self) -> None:
        for ask in self.idle():
            self.inject()
            self.assert_restored(self.daemon.ask(ask))

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.inject()
            self.assert_answered(self.holder)
            self.assert_restored(client)

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.inject()
            self.assert_restored(client)

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.inject()
            self.assert_restored(client)

    def test_suspended(self) -> None:
        for ask, body in self.suspended():
            self.inject()
            self.assert_resumed(ask, body)

    def test_background(self) -> None:
        for client in self.background():
            self.inject()
            self.daemon.answer()
            self.assert_stored(client)
            self.assertTrue(self.file.exists())

    def test_while_the_daemon_drains(self) -> None:
        for client in self.begun(STORED):
            self.inject()
            self.stopped = self.daemon.stop()
            self.assert_answered(client)
            self.assert_stopped()
            self.assertTrue(self.file.exists())


class SuspendedTests(FaultTestCase):
    """Tool results arrive for a response in a database that fails."""

    def results(self) -> Iterator[tuple[Ask, dict[str, Any]]]:
        """Yield the requests with results that load the history."""
        return ((ask, body) for ask, body in self.suspended() if ask.endpoint == "responses")

    def test_it_is_full(self) -> None:
        for ask, body in self.results():
            self.daemon.executors[0].connection.execute("PRAGMA query_only=ON")
            client = self.daemon.send(ask, body)
            self.daemon.answer()
            self.assert_end(client, "store_failed")

    def test_it_does_not_respond(self) -> None:
        for ask, body in self.results():
            self.daemon.executors[0].delay_calls()
            client = self.daemon.send(ask, body)
            self.daemon.run(TIMEOUT_SECONDS)
            self.assert_end(client, "store_timeout")
            self.daemon.executors[0].run_delayed_calls()
            self.assert_resumed(ask, body)
