"""Codex in memory: a reactor whose child processes are fake app-servers, and a back end over them."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from attrs import define, field
from twisted.internet.interfaces import IProcessProtocol, IReactorProcess
from zope.interface import implementer

from codexd.child.backend import AppServer
from codexd.child.children import Children
from codexd.child.launch import Launch
from codexd.neutral.turn import Turn
from codexd.observe.metrics import COUNTERS, Metrics
from codexd.settings import Settings
from codexd.wire import json
from codexd.wire.jsonl import LineSplitter
from tests.support.appserver import FakeAppServer
from tests.support.listener import Asked, Listener
from tests.support.process import Command, FakeProcess, ProcessReactor

CATALOG = json.encode({"models": [{"slug": "gpt", "tool_mode": "code"}]})
"""What the fake's `debug models` prints."""


DEFAULT = Settings()


class CodexProcess(FakeProcess):
    """A child that is a fake app-server, or prints a catalog and ends.

    Attributes:
        server: its inside.
        outbox: lines it has written and nobody has read.
        held: they stay in the outbox until the test has them delivered.
    """

    server: FakeAppServer
    held: bool = False

    def serve(self, server: FakeAppServer, held: bool) -> None:
        """Be an app-server."""
        self.server, self.held = server, held
        self.outbox: list[bytes] = []
        self._input = LineSplitter()

    def write(self, data: bytes) -> None:
        if not self.alive:
            return
        self.written += data
        for line in self._input.receive(data):
            self.outbox += self.server.receive(line)
        if not self.held:
            self._clock.callLater(0, self.deliver)

    def proceed(self, times: int = 1) -> None:
        """Let its models say so many messages."""
        for _ in range(times):
            self.outbox += self.server.proceed()
        if not self.held:
            self.deliver()

    def catch_up(self) -> None:
        """Let its models say all they can, and have the daemon read it."""
        self.held = self.server.paced = False
        self.outbox += self.server.finish()
        self.deliver()

    def deliver(self, lines: int | None = None) -> None:
        """Have the daemon read what was written, or only the first lines of it, in one piece."""
        read, self.outbox = self.outbox[:lines], self.outbox[len(self.outbox[:lines]) :]
        if read and self.alive:
            self.say(b"".join(read))

    def tell(self, *lines: bytes) -> None:
        """Have it say something of its own accord, now."""
        self.say(b"".join(lines))


@implementer(IReactorProcess)
class CodexReactor(ProcessReactor):
    """A reactor whose children are fakes of Codex.

    Attributes:
        make_server: makes the inside of the next child.
        held: what app-servers write stays in their outbox.
        children: the app-servers that were ever started, oldest first.
        catalog: what `debug models` prints; None: nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.make_server: Callable[[], FakeAppServer] = FakeAppServer
        self.held = False
        self.children: list[CodexProcess] = []
        self.catalog: bytes | None = CATALOG
        self._pids = count(2_000_000_000)  # far above any process that could really run

    def _made(self, protocol: IProcessProtocol, command: Command) -> CodexProcess:
        process = CodexProcess(self, next(self._pids), protocol, command, self.temper)
        process.serve(self.make_server(), self.held)
        if "app-server" not in command[1]:
            self.callLater(0, self._print_catalog, process)
        elif not self.temper.stillborn:
            self.children.append(process)
        return process

    def _print_catalog(self, process: CodexProcess) -> None:
        if not process.alive:
            return
        if self.catalog is not None:
            process.say(self.catalog)
        process.exit()

    @property
    def child(self) -> CodexProcess:
        """The youngest app-server."""
        return self.children[-1]


@define(slots=False)
class Codex:
    """A back end and everything under it.

    Attributes:
        state: a directory that may be written to.
        resident: bytes that every child holds.
    """

    state: Path
    settings: Settings = DEFAULT
    reactor: CodexReactor = field(factory=CodexReactor)
    metrics: Metrics = field(factory=Metrics)
    resident: int = 0
    environ: dict[str, str] = field(factory=lambda: {"PATH": os.defpath})
    children: Children = field(init=False)

    def __attrs_post_init__(self) -> None:
        how = Launch(
            binary=Path("/opt/codex"),
            home=self.state / "home",
            state=self.state,
            environ=self.environ,
            codex=self.settings.codex,
            provider="http://127.0.0.1:1/v1",
        )
        chance = lambda: 0.0  # noqa: E731
        self.children = Children(
            self.settings, how, self.reactor, chance, self.metrics, lambda pid: self.resident
        )

    @classmethod
    def up(cls, state: Path, settings: Settings = DEFAULT, **changes: object) -> "Codex":
        """Give one whose children are up."""
        codex = cls(state, settings, **changes)  # type: ignore[arg-type]
        codex.start()
        return codex

    def start(self) -> None:
        self.children.startService()
        self.reactor.advance(0)

    @property
    def backend(self) -> AppServer:
        return self.children.backend

    @property
    def process(self) -> CodexProcess:
        return self.reactor.child

    @property
    def server(self) -> FakeAppServer:
        return self.reactor.child.server

    def begin(self, turn: Turn) -> Asked:
        """Ask for an answer."""
        listener = Listener()
        return Asked(turn, listener, self.backend.begin(turn, listener))

    def ask(self, turn: Turn) -> Asked:
        """Ask for an answer, and let happen what happens at once."""
        asked = self.begin(turn)
        self.reactor.advance(0)
        return asked

    def figure(self, name: str) -> float:
        """Give a metric by the name the rooms know it by."""
        sample = f"codexd_{name}_total" if name in COUNTERS else f"codexd_{name}"
        found = self.metrics._registry.get_sample_value(sample)
        assert found is not None, name
        return found

    @property
    def threads(self) -> int:
        """How many threads all living children hold."""
        return sum(len(child.server.threads) for child in self.reactor.children if child.alive)
