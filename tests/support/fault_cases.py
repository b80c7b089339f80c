"""Base class of the tests that inject a fault at each point of a turn, for every endpoint, streamed or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Settings
from tests.support.fault_client import ASKS, IN_BACKGROUND, WITH_TOOLS, Ask, Client
from tests.support.fault_daemon import CODEX, SETTINGS, UPSTREAM, FaultDaemon

POLLED = Ask(endpoint="responses", stream=False)


class FaultTestCase(SynchronousTestCase):
    """Each generator yields a request at one point of its turn, on a new daemon, once for each kind of request.

    Attributes:
        model: of the requests.
        daemon: the daemon of the case.
        stopped: fires when the daemon has drained.
        holder: the request that runs while the one that is yielded waits.
        tables: settings that differ.
    """

    model = CODEX
    settings: Settings = SETTINGS
    daemon: FaultDaemon
    holder: Client
    stopped: "Deferred[None]"

    def open(self) -> FaultDaemon:
        """Start a new daemon."""
        self.daemon = FaultDaemon(Path(self.mktemp()).absolute(), self.model, self.settings)
        return self.daemon

    def idle(self) -> Iterator[Ask]:
        """Nothing runs; yield the request to send after the fault."""
        for ask in ASKS:
            self.open()
            yield ask

    def queued(self) -> Iterator[Client]:
        """Another request has the only slot."""
        for ask in ASKS:
            self.open()
            self.holder = self.daemon.ask(ask)
            client = self.daemon.ask(ask)
            self.assertEqual(self.daemon.metric("queue_length", backend=self.backend), 1)
            yield client

    def before(self) -> Iterator[Client]:
        """The model was asked, and has sent nothing."""
        for ask in ASKS:
            yield self.open().ask(ask)

    def begun(self, asks: tuple[Ask, ...] = ASKS) -> Iterator[Client]:
        """The model has sent its first text."""
        for ask in asks:
            client = self.open().ask(ask)
            self.daemon.answer_first()
            self.assertEqual(client.content.strip(), "one" if ask.stream else "")
            yield client

    def background_before(self) -> Iterator[Client]:
        """The model of a background response was asked, and has sent nothing."""
        for ask in IN_BACKGROUND:
            yield self.open().ask(ask)

    def background(self) -> Iterator[Client]:
        """The model of a background response has sent its first text."""
        for ask in IN_BACKGROUND:
            client = self.open().ask(ask)
            self.daemon.answer_first()
            yield client

    def draining(self) -> Iterator[Client]:
        """The response has begun, and the daemon drains."""
        for client in self.begun():
            self.stopped = self.daemon.stop()
            self.assertNoResult(self.stopped)
            yield client

    def suspended(self) -> Iterator[tuple[Ask, dict[str, Any]]]:
        """A turn of Codex waits for its tool result; yield the request with the result."""
        for ask in WITH_TOOLS:
            daemon = self.open()
            body = ask.body(self.model, "call: f {}", tools=True)
            client = daemon.send(ask, body)
            daemon.answer()
            self.assertEqual((client.end in ("tool_calls", "completed"), daemon.metric("turns_suspended")), (True, 1))
            daemon.child.server.stepwise = True
            yield ask, ask.results(body, client)

    @property
    def backend(self) -> str:
        """The name of the back end in metrics."""
        return "up" if self.model == UPSTREAM else "codex"

    # Checks.

    def assert_end(self, client: Client, expected: str) -> None:
        """Check how the response ended: the kind of its failure, or `ok`."""
        found = client.end
        if found in ("stop", "completed"):
            self.assertEqual((expected, client.content), ("ok", "one two"), client.ask)
        elif client.ask.endpoint == "responses" and found == "server_error":
            self.assertIn(expected, self.daemon.outcomes, client.ask)
        else:
            self.assertEqual(found, expected, client.ask)

    def assert_answered(self, client: Client) -> None:
        """Let the model answer who waits, and check that the client got the whole response."""
        for _ in range(3):
            if not client.end:
                self.daemon.answer()
                self.daemon.run(1.0)
        self.assert_end(client, "ok")

    def assert_resumed(self, ask: Ask, body: dict[str, Any]) -> None:
        """Send the results of a suspended turn, and check that they are answered."""
        client = self.daemon.send(ask, body)
        self.daemon.answer()
        self.assertIn(client.end, ("stop", "completed"), ask)
        self.assertEqual(client.content, "tool said: x")

    def assert_serves(self) -> None:
        """Check that a new request of every kind is answered, and that nothing is left of those before."""
        for ask in ASKS:
            self.assert_answered(self.daemon.ask(ask))
        for name in ("requests_running", "turns_running", "turns_suspended"):
            self.assertEqual(self.daemon.metric(name), 0, name)
        self.assertEqual(self.daemon.metric("internal_error_total"), 0)

    def assert_stopped(self) -> None:
        """Check that the drain is over, and that no process is left."""
        self.daemon.run(1.0)
        self.successResultOf(self.stopped)
        self.assertEqual(self.daemon.reactor.running_processes, [])

    def stored(self, client: Client) -> dict[str, Any]:
        """Return the stored response of a background request."""
        response = client.response
        assert response is not None
        id = (response.events[0]["response"] if client.ask.stream else response.json)["id"]
        connection = self.daemon.connect()
        connection.request("GET", f"/v1/responses/{id}")
        self.daemon.run()
        return dict(connection.response.json)

    def assert_stored(self, client: Client, expected: str = "ok") -> None:
        """Check the end of a background response, and that its stream, if any, ended alike."""
        stored = self.stored(client)
        self.assertEqual(stored["status"], "completed" if expected == "ok" else "failed")
        self.assertEqual(self.daemon.metric("background_finished_total", outcome=expected), 1)
        if client.ask.stream:
            self.assertEqual(client.end, stored["error"]["code"] if stored["error"] else "completed")


class UpstreamFaultTestCase(FaultTestCase):
    """The requests go to the upstream, which repeats nothing on its own."""

    model = UPSTREAM
    settings = evolve(
        SETTINGS, upstream=tuple(evolve(one, retries=0, first_event_seconds=100.0) for one in SETTINGS.upstream)
    )
