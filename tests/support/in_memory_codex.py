"""Codex in memory: a reactor whose processes are fake app-servers, and the back end on top of it."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from attrs import define, field
from twisted.internet.interfaces import IProcessProtocol, IReactorProcess
from zope.interface import implementer

from codexd.child.backend import ChildBackend
from codexd.child.children import Children
from codexd.child.launch import LaunchConfig
from codexd.child.pool import Pool
from codexd.child.provider_catalog import ProviderCatalog
from codexd.context import RequestContext
from codexd.neutral.turn import Turn
from codexd.observe.metric_tables import COUNTERS
from codexd.observe.metrics import Metrics
from codexd.settings import Settings, Turns
from codexd.wire import json
from codexd.wire.jsonl import LineSplitter
from tests.support.contexts import context as make_context
from tests.support.fake_app_server import FakeAppServer
from tests.support.fake_process import FakeProcess, ProcessReactor, SpawnArguments
from tests.support.metric_samples import find_sample
from tests.support.recording_sink import RecordingSink, StartedTurn

CATALOG = json.encode({"models": [{"slug": "gpt", "tool_mode": "code"}]})
"""The output of the fake's `debug models`."""


DEFAULT = Settings(turns=Turns(retries=0))
"""Without retries, so that a test sees the outcome of one attempt."""


class FakeCodexProcess(FakeProcess):
    """A process that runs a fake app-server, or prints the model catalog and exits.

    Attributes:
        server: the app-server.
        outbox: lines written and not delivered yet.
        holds_output: lines stay in the outbox until `deliver`.
    """

    server: FakeAppServer
    holds_output: bool = False

    def serve(self, server: FakeAppServer, holds_output: bool) -> None:
        """Run this app-server."""
        self.server, self.holds_output = server, holds_output
        self.outbox: list[bytes] = []
        self._input = LineSplitter()

    def write(self, data: bytes) -> None:
        if not self.alive:
            return
        self.written += data
        for line in self._input.receive(data):
            self.outbox += self.server.receive(line)
        if not self.holds_output:
            self._clock.callLater(0, self.deliver)

    def proceed(self, times: int = 1) -> None:
        """Let its turns emit this many messages."""
        for _ in range(times):
            self.outbox += self.server.proceed()
        if not self.holds_output:
            self.deliver()

    def catch_up(self) -> None:
        """Let its turns emit all their messages, and deliver everything."""
        self.holds_output = self.server.stepwise = False
        self.outbox += self.server.finish()
        self.deliver()

    def deliver(self, lines: int | None = None) -> None:
        """Deliver the outbox, or its first lines, in one read."""
        read, self.outbox = self.outbox[:lines], self.outbox[len(self.outbox[:lines]) :]
        if read and self.alive:
            self.emit_output(b"".join(read))

    def write_lines(self, *lines: bytes) -> None:
        """Write lines that no call asked for."""
        self.emit_output(b"".join(lines))


@implementer(IReactorProcess)
class FakeCodexReactor(ProcessReactor):
    """A reactor whose processes are fakes of Codex.

    Attributes:
        make_server: builds the app-server of the next child.
        holds_output: new app-servers hold their output.
        children: the app-servers started so far, oldest first.
        catalog: the output of `debug models`; None prints nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.make_server: Callable[[], FakeAppServer] = FakeAppServer
        self.holds_output = False
        self.children: list[FakeCodexProcess] = []
        self.catalog: bytes | None = CATALOG
        self._pids = count(2_000_000_000)  # above every pid that can exist

    def _made(self, protocol: IProcessProtocol, command: SpawnArguments) -> FakeCodexProcess:
        process = FakeCodexProcess(self, next(self._pids), protocol, command, self.behaviour)
        process.serve(self.make_server(), self.holds_output)
        if "app-server" not in command[1]:
            self.callLater(0, self._print_catalog, process)
        elif not self.behaviour.exits_at_once:
            self.children.append(process)
        return process

    def _print_catalog(self, process: FakeCodexProcess) -> None:
        if not process.alive:
            return
        if self.catalog is not None:
            process.emit_output(self.catalog)
        process.exit()

    @property
    def child(self) -> FakeCodexProcess:
        """The newest app-server."""
        return self.children[-1]


@define(slots=False, kw_only=True)
class InMemoryCodex:
    """An app-server back end with its children.

    Attributes:
        state: a writable directory.
        resident: the resident memory that every child reports, in bytes.
        provider: the models of the configured provider.
    """

    state: Path
    settings: Settings = DEFAULT
    reactor: FakeCodexReactor = field(factory=FakeCodexReactor)
    metrics: Metrics = field(factory=Metrics)
    resident: int = 0
    environ: dict[str, str] = field(factory=lambda: {"PATH": os.defpath})
    provider: ProviderCatalog | None = None
    children: Children = field(init=False)

    def __attrs_post_init__(self) -> None:
        how = LaunchConfig(
            binary=Path("/opt/codex"),
            home=self.state / "home",
            state=self.state,
            environ=self.environ,
            codex=self.settings.codex,
            provider="http://127.0.0.1:1/v1",
        )
        chance = lambda: 0.0  # noqa: E731
        self.children = Children(
            self.settings,
            how,
            self.reactor,
            chance,
            self.metrics,
            lambda pid: self.resident,
            provider=self.provider,
        )

    @classmethod
    def started(cls, state: Path, settings: Settings = DEFAULT, **changes: object) -> "InMemoryCodex":
        """Build one and start its children."""
        codex = cls(state=state, settings=settings, **changes)  # type: ignore[arg-type]
        codex.start()
        return codex

    def start(self) -> None:
        self.children.startService()
        self.reactor.advance(0)

    @property
    def backend(self) -> ChildBackend:
        return self.children.backend

    @property
    def pool(self) -> Pool:
        """The pool of the plain profile."""
        return self.children._pools["plain"]

    @property
    def process(self) -> FakeCodexProcess:
        return self.reactor.child

    @property
    def server(self) -> FakeAppServer:
        return self.reactor.child.server

    def begin(self, turn: Turn, context: RequestContext | None = None) -> StartedTurn:
        """Begin a turn."""
        sink = RecordingSink()
        return StartedTurn(turn, sink, self.backend.begin(turn, context or make_context(), sink))

    def ask(self, turn: Turn, context: RequestContext | None = None) -> StartedTurn:
        """Begin a turn and run everything that is due."""
        asked = self.begin(turn, context)
        self.reactor.advance(0)
        return asked

    def metric(self, name: str) -> float:
        """Return the value of a metric, without the prefix `codexd_` and the suffix `_total`."""
        sample = f"codexd_{name}_total" if name in COUNTERS else f"codexd_{name}"
        found = find_sample(self.metrics.render(), sample)
        assert found is not None, name
        return found

    @property
    def threads(self) -> int:
        """The number of threads loaded in all running children."""
        return sum(len(child.server.threads) for child in self.reactor.children if child.alive)
