"""A whole codexd in memory over a real file: HTTP bytes in and out, fake app-servers, the real store."""

from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock

from codexd.http.front import Front
from codexd.observe.journal import Journal
from codexd.observe.metrics import Metrics
from codexd.settings import Codex as CodexSettings
from codexd.settings import Http, Responses, Settings, Turns
from codexd.store.service import Store
from codexd.wire.json import Json
from tests.support.appserver import FakeAppServer
from tests.support.backend import FakeBackend
from tests.support.codex import Codex, CodexReactor
from tests.support.tables import InlineExecutor
from tests.support.web import Connection, MemoryLog, Response

EVER = 1e6
DRAIN_SECONDS = 2.0
SETTINGS = Settings(
    Http(keepalive_seconds=EVER),
    CodexSettings(restart_limit=1000, backoff_cap_seconds=1.0, drain_seconds=DRAIN_SECONDS),
    turns=Turns(first_event_seconds=EVER, idle_seconds=EVER, total_seconds=EVER, affinity_limit=3),
    responses=Responses(keep_seconds=1e9, prune_seconds=EVER),
)


class Stack:
    """One life of a daemon on a store's file. Its models say nothing of their own accord.

    Args:
        folder: of the file, and for the children.
        keys: of its clients.
    """

    def __init__(self, folder: Path, keys: tuple[str, ...]) -> None:
        settings = evolve(SETTINGS, http=evolve(SETTINGS.http, api_keys=keys))
        reactor = CodexReactor()
        reactor.make_server = lambda: FakeAppServer(paced=True)
        self.metrics = Metrics()
        self._codex = Codex.up(folder, settings, reactor=reactor, metrics=self.metrics)
        # A clock of its own: nothing is pruned.
        self._store = Store(
            settings.responses, str(folder / "kept.sqlite3"), Clock(), self.metrics, connect=InlineExecutor
        )
        self._store.startService()
        journal = Journal(self.metrics, MemoryLog())
        self._front = Front.built(
            self._codex.backend,
            FakeBackend(),
            self._store,
            settings,
            journal,
            reactor,
            lambda: 1_700_000_000.0,
        )

    # Its clients.

    def begin(self, method: str, path: str, body: Json = None, key: str = "") -> Connection:
        """Ask, and let happen what happens without the model."""
        connection = Connection(self._front.site)
        connection.ask(method, path, body, x_api_key=key)
        self._codex.reactor.pump([0.0] * 4)
        return connection

    def ask(self, method: str, path: str, body: Json = None, key: str = "") -> Response:
        """Ask for what needs no model."""
        return self.begin(method, path, body, key).response

    # Its models.

    @property
    def turns(self) -> set[str]:
        """The threads whose models are asked and have not said all."""
        return set(self._codex.server.turns)

    def proceed(self, thread: str) -> None:
        """Let the model on a thread say its next message."""
        child = self._codex.process
        child.outbox += child.server.proceed(thread)
        child.deliver()
        self._codex.reactor.advance(0)

    def finish(self, thread: str) -> None:
        """Let the model on a thread say all."""
        while thread in self.turns:
            self.proceed(thread)

    def asked(self, last: str) -> Json:
        """Give what a provider was asked whose last message was this."""
        bodies = [body for child in self._codex.reactor.children for body in child.server.bodies]
        (found,) = [body for body in bodies if body["input"][-1]["content"][0]["text"] == last]
        return found

    # Its ends.

    def kill_child(self) -> None:
        """Kill the child; another comes."""
        self._codex.process.exit(1)
        while not self._codex.backend.ready():
            self._codex.reactor.advance(0.5)

    def kill(self) -> None:
        """End at once: what was not kept is lost."""
        self._store.stopService()

    def stop(self) -> None:
        """End as one that is told to: what runs may finish, and does not."""
        closed = self._front.doorman.close()
        self._codex.reactor.advance(DRAIN_SECONDS)
        assert closed.called, "somebody is still inside"
        self.kill()

    def figure(self, name: str) -> float:
        """Give a figure by the name that the rooms know it by."""
        return self._codex.figure(name)
