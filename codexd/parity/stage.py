"""A whole private codexd for scenarios to be played on: real sockets, the real Codex, the scripted model."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutput

from codexd import home
from codexd.parity.client import Response, exchange
from codexd.parity.scenario import Ask
from codexd.scripted.server import ScriptedModel
from codexd.service import Daemon
from codexd.settings import Codex, Http, Settings
from codexd.wire.json import Json

MOST_BODY_BYTES: Final = 8192
"""The largest body the private codexd takes, so that one that is too large makes a small fixture."""

_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_READY: Final = Ask("/readyz", method="GET")
_NOBODY: Final = "nobody"


@frozen
class Stage:
    """A codexd that runs.

    Attributes:
        codex: what the Codex binary calls itself, such as `codex-cli 0.163.0`.
    """

    codex: str
    _reactor: Any
    _address: IPv4Address
    _model: ScriptedModel

    async def play(self, ask: Ask, player: str = _NOBODY) -> Response:
        """Send a request with the key of one of the players the stage was made for.

        Raises:
            TimeoutError: when the answer does not end in time.
        """
        return await exchange(self._reactor, self._address, _key(player), ask)

    def asked(self) -> list[dict[str, Json]]:
        """Give, and forget, what the model was asked since last time."""
        bodies = [asked.body for asked in self._model.asked]
        self._model.asked.clear()
        return bodies

    async def _settle(self) -> None:
        deadline = self._reactor.seconds() + _START_SECONDS
        while (await self.play(_READY)).status != 200:
            if self._reactor.seconds() > deadline:
                raise TimeoutError(f"codexd was not ready after {_START_SECONDS:g} s")
            await deferLater(self._reactor, _POLL_SECONDS)


@asynccontextmanager
async def staged(
    reactor: Any, build: Path, players: Iterable[str], binary: str | None = None
) -> AsyncIterator[Stage]:
    """Run a codexd until the block is left.

    Every player has an API key of its own, so that no two of them ever share a thread.

    Args:
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        build: a directory for its state and its CODEX_HOME, which are removed afterwards; not under the
            temporary directory, where Codex does not feel at home.
        players: their names.
        binary: another Codex than the pinned one.

    Raises:
        Misconfigured: when there is no such binary.
        TimeoutError: when Codex does not start.
    """
    private, settings = _private(build), _settings(players, binary)
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(private),
        "STATE_DIRECTORY": str(private),
    }
    model = ScriptedModel(reactor)
    daemon = Daemon(settings, environ, reactor, model=model)
    try:
        daemon.startService()
        (address,) = daemon.addresses
        assert isinstance(address, IPv4Address)
        stage = Stage(await _version(reactor, settings.codex), reactor, address, model)
        await stage._settle()
        yield stage
    finally:
        await daemon.stopService()
        rmtree(private, ignore_errors=True)


def _settings(players: Iterable[str], binary: str | None) -> Settings:
    http = Http(
        listen=("tcp:0:interface=127.0.0.1",),
        api_keys=tuple(map(_key, players)),
        max_body_bytes=MOST_BODY_BYTES,
    )
    return Settings(http=http, codex=Codex(binary=binary, model="scripted"))


def _private(build: Path) -> Path:
    build.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix="parity-", dir=build)).absolute()


def _key(player: str) -> str:
    return f"sk-parity-{player}"


async def _version(reactor: Any, codex: Codex) -> str:
    said: bytes = await getProcessOutput(str(home.binary(codex)), ("--version",), reactor=reactor)
    return said.decode().strip()
