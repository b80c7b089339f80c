"""A whole codexd in memory: HTTP bytes in and out, fake app-servers, and the real store on a real file."""

from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock

from codexd.http.drain import FLUSH_SECONDS, SAVE_SECONDS
from codexd.observe.metrics import Metrics
from codexd.settings import Codex as CodexSettings
from codexd.settings import Http, Responses, Settings, Turns
from codexd.store.service import Store
from codexd.wire.json import Json
from tests.support.fake_app_server import FakeAppServer
from tests.support.fake_backend import FakeBackend
from tests.support.in_memory_codex import FakeCodexReactor, InMemoryCodex
from tests.support.in_memory_server import NOW, Connection, MemoryLog, Response, build_front
from tests.support.inline_executor import InlineExecutor

NEVER_SECONDS = 1e6
DRAIN_SECONDS = 2.0
SETTINGS = Settings(
    http=Http(keepalive_seconds=NEVER_SECONDS),
    codex=CodexSettings(restart_limit=1000, backoff_max_seconds=1.0, drain_seconds=DRAIN_SECONDS),
    turns=Turns(
        first_event_seconds=NEVER_SECONDS,
        idle_seconds=NEVER_SECONDS,
        total_seconds=NEVER_SECONDS,
        affinity_limit=3,
        retries=0,
    ),
    responses=Responses(retention_seconds=1e9, prune_interval_seconds=NEVER_SECONDS),
)


class InMemoryDaemon:
    """One run of a daemon on a database file. Its models emit a message only on `proceed` and `finish`.

    Args:
        folder: holds the database and the children's state.
        keys: the API keys of its clients.
    """

    def __init__(self, folder: Path, keys: tuple[str, ...]) -> None:
        settings = evolve(SETTINGS, http=evolve(SETTINGS.http, api_keys=keys))
        reactor = FakeCodexReactor()
        reactor.make_server = lambda: FakeAppServer(stepwise=True)
        self.metrics = Metrics()
        self._codex = InMemoryCodex.started(folder, settings, reactor=reactor, metrics=self.metrics)
        # The store has its own clock, which never advances: it prunes nothing.
        self._store = Store(
            settings.responses,
            str(folder / "responses.sqlite3"),
            Clock(),
            self.metrics,
            connect=InlineExecutor,
        )
        self._store.startService()
        self._server = build_front(
            self._codex.backend,
            FakeBackend(),
            self._store,
            settings,
            self.metrics,
            MemoryLog(),
            reactor,
            lambda: NOW,
        )

    # Requests.

    def begin(self, method: str, path: str, body: Json = None, key: str = "") -> Connection:
        """Send a request on a new connection and run everything that does not need the model."""
        connection = Connection(self._server.site)
        connection.request(method, path, body, x_api_key=key)
        self._codex.reactor.pump([0.0] * 4)
        return connection

    def request(self, method: str, path: str, body: Json = None, key: str = "") -> Response:
        """Send a request that needs no model and return its response."""
        return self.begin(method, path, body, key).response

    # Models.

    @property
    def turns(self) -> set[str]:
        """The ids of the threads with a turn under way."""
        return set(self._codex.server.turns)

    def proceed(self, thread: str) -> None:
        """Let the turn of a thread emit its next message."""
        child = self._codex.process
        child.outbox += child.server.proceed(thread)
        child.deliver()
        self._codex.reactor.advance(0)

    def finish(self, thread: str) -> None:
        """Let the turn of a thread emit all its messages."""
        while thread in self.turns:
            self.proceed(thread)

    def provider_request(self, last: str) -> Json:
        """Return the only provider request whose last message is this text."""
        bodies = [body for child in self._codex.reactor.children for body in child.server.model_requests]
        (found,) = [body for body in bodies if body["input"][-1]["content"][0]["text"] == last]
        return found

    # Shutdown.

    def kill_child(self) -> None:
        """Kill the child and wait until its successor is ready."""
        self._codex.process.exit(1)
        while not self._codex.backend.ready():
            self._codex.reactor.advance(0.5)

    def kill(self) -> None:
        """Stop without draining: state that is not stored is lost."""
        self._store.stopService()

    def stop(self) -> None:
        """Stop gracefully: running responses are given the drain time, in which they do not finish."""
        closed = self._server.drain.run()
        self._codex.reactor.pump([DRAIN_SECONDS, SAVE_SECONDS, FLUSH_SECONDS])
        assert closed.called, "a request is still active"
        self.kill()

    def metric(self, name: str) -> float:
        """Return the value of a metric, without the prefix `codexd_`."""
        return self._codex.metric(name)
