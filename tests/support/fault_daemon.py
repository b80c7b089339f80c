"""A whole daemon in memory whose Codex process, upstream, clients, store and signals the test controls.

Codex and the upstream `up` have one slot each, so that a second request waits. No model sends anything on its own.
"""

import re
from pathlib import Path
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from codexd.configuration import LoadedSettings
from codexd.service import Daemon
from codexd.settings import Codex, Http, Queue, Responses, Settings, Turns, Upstream
from codexd.store.open_database import OpenDatabase
from tests.support.chat_chunks import DONE, Chunk, chunk, frames
from tests.support.fake_app_server import FakeAppServer
from tests.support.fake_upstream import FakeConnection
from tests.support.fault_client import Ask, Client
from tests.support.in_memory_codex import FakeCodexProcess
from tests.support.in_memory_server import Connection
from tests.support.inline_executor import InlineExecutor
from tests.support.metric_samples import metric
from tests.test_service import DaemonReactor

CODEX: Final = "scripted"
UPSTREAM: Final = "small"
TEXT: Final = "say: one two"
DRAIN_SECONDS: Final = 10.0
_NEVER: Final = 1e6
SETTINGS: Final = Settings(
    http=Http(keepalive_seconds=_NEVER),
    codex=Codex(binary="/bin/sh", model="scripted", turns_per_worker=1, drain_seconds=DRAIN_SECONDS),
    turns=Turns(affinity=False),
    queue=Queue(max_wait_seconds=600.0),
    responses=Responses(database=":memory:"),
    upstream=(Upstream(name="up", base_url="http://127.0.0.1:1/v1", models=(UPSTREAM,), max_connections=1),),
)


class UpstreamConnection(FakeConnection):
    """A connection to the upstream, from the upstream's side.

    Attributes:
        has_text: the response on it has begun with the text `one`.
    """

    has_text = False
    _began = False

    def begin(self) -> None:
        """Send the head of a stream, unless it was sent."""
        if not self._began:
            self._began = True
            self.send_head(200, "content-type: text/event-stream")

    def send_events(self, *chunks: Chunk) -> None:
        """Send chunks of a chat stream."""
        self.send_chunk(frames(*chunks))

    def end(self) -> None:
        """End the response; the next one may follow."""
        self._began = self.has_text = False
        self.send_chunk(b"")


class FaultDaemon:
    """One started daemon.

    Attributes:
        home: its home directory.
        model: the model that requests name, which selects the back end.
        executors: those of the store.
    """

    def __init__(self, home: Path, model: str, settings: Settings = SETTINGS) -> None:
        home.mkdir(parents=True)
        self.home, self.model, self.settings = home, model, settings
        self.reactor = DaemonReactor()
        self.reactor.make_server = lambda: FakeAppServer(stepwise=True)
        self.executors: list[InlineExecutor] = []
        self._connections: list[UpstreamConnection] = []
        self._accepted = 0
        environ = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        self.daemon = Daemon(settings, environ, self.reactor, connect=self._connect_store, load=self._load)
        self.daemon.startService()
        self.run()

    def _connect_store(self, database: OpenDatabase, reactor: object = None) -> InlineExecutor:
        self.executors.append(InlineExecutor(database, reactor))
        return self.executors[-1]

    def _load(self) -> LoadedSettings:
        return LoadedSettings(self.settings)

    # Time and clients.

    def run(self, seconds: float = 0.0) -> None:
        """Run what is due, and let this time pass in small steps."""
        self.reactor.pump([0.0] * 6 + [0.25] * int(seconds * 4) + [0.0] * 6)

    def connect(self) -> Connection:
        """Open a connection."""
        return Connection(self.reactor.ports[11435])

    def send(self, ask: Ask, body: dict[str, Any], connection: Connection | None = None) -> Client:
        """Send a request, and run up to where the model is needed."""
        client = Client(ask, connection or self.connect())
        client.connection.request("POST", ask.path, body)
        self.run()
        return client

    def ask(self, ask: Ask, text: str = TEXT) -> Client:
        """Send a request with this prompt to the model."""
        return self.send(ask, ask.body(self.model, text))

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a metric, without the prefix `codexd_`."""
        return metric(self.daemon._metrics, f"codexd_{name}", **labels)

    @property
    def outcomes(self) -> set[str]:
        """The outcomes of all requests that are over."""
        found = re.findall(rb'codexd_requests_total{[^}]*outcome="(\w+)"', self.daemon._metrics.render())
        return {outcome.decode() for outcome in found}

    @property
    def ready(self) -> int:
        """The status of `/readyz`."""
        connection = self.connect()
        connection.request("GET", "/readyz")
        return connection.response.status

    # Models.

    @property
    def child(self) -> FakeCodexProcess:
        """The Codex process that was started last."""
        return self.reactor.child

    def answer_first(self) -> None:
        """Let the model send the first event of its response, the text `one`."""
        if self.model == UPSTREAM:
            connection = self.upstream()
            connection.begin()
            connection.send_events(chunk({"role": "assistant", "content": "one"}))
            connection.has_text = True
        else:
            self._step_codex()
        self.run()

    def _step_codex(self) -> None:
        """Let Codex send messages up to its first text."""
        sent: list[bytes] = []
        while not any(b'"delta"' in line or b"Delta" in line for line in sent):
            sent = self.child.server.proceed()
            assert sent, "the turn sends no text"
            self.child.outbox += sent
            self.child.deliver()

    def answer(self) -> None:
        """Let the model send its whole response, or the rest of it, and the response to whoever waits."""
        if self.model == UPSTREAM:
            connection = self.upstream()
            connection.begin()
            text = " two" if connection.has_text else "one two"
            connection.send_events(chunk({"role": "assistant", "content": text}), chunk({}, "stop"))
            connection.send_chunk(DONE)
            connection.end()
        else:
            for child in self.reactor.children:
                if child.alive:
                    child.catch_up()
        self.run()

    def upstream(self) -> UpstreamConnection:
        """Return the last connection to the upstream, accepted; those that ask for its models are closed."""
        clients = self.reactor.tcpClients
        while self._accepted < len(clients):
            index, self._accepted = self._accepted, self._accepted + 1
            if self.reactor.connectors[index].stoppedConnecting:
                continue
            connection = UpstreamConnection(self.reactor)
            connection.protocol = clients[index][2].buildProtocol(None)
            connection.protocol.makeConnection(connection)
            self.run()
            if connection.value().startswith(b"GET"):
                connection.close()
            else:
                self._connections.append(connection)
        assert self._connections, "there is no connection to the upstream"
        return self._connections[-1]

    def refuse(self) -> None:
        """Refuse the last connection attempt to the upstream, and run what follows."""
        clients = self.reactor.tcpClients
        assert self._accepted < len(clients), "there is no connection attempt"
        self._accepted = len(clients)
        clients[-1][2].clientConnectionFailed(self.reactor.connectors[-1], Failure(ConnectionRefusedError()))
        self.run(1.0)  # an endpoint looks at its attempts from time to time

    def is_asked(self) -> bool:
        """Return whether the model works on a response."""
        if self.model == UPSTREAM:
            return not self.upstream().aborted
        return any(child.alive and child.server.turns for child in self.reactor.children)

    # Signals.

    def stop(self) -> "Deferred[None]":
        """Stop the daemon, as SIGTERM does."""
        stopped = self.daemon.stopService()
        self.run()
        return stopped

    def reload(self, **tables: Any) -> None:
        """Change these tables of the settings and reload them, as SIGHUP does."""
        self.settings = evolve(self.settings, **tables)
        assert not self.daemon.reload().problems
        self.run()
