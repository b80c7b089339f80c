"""A whole private codexd for scenarios to be played on: real sockets, the scripted model, the real Codex."""

import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

from attrs import evolve, frozen
from twisted.internet.address import IPv4Address
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutput

from codexd import home
from codexd.scripted.question import MODEL
from codexd.scripted.server import ScriptedModel, scripted_site
from codexd.service import Daemon
from codexd.settings import Codex, Http, Upstream
from codexd.wire.json import Json
from tests.parity.client import PATIENCE_SECONDS, Response, exchange
from tests.parity.places import Circumstances, settings
from tests.parity.reading import listed, standing
from tests.parity.scenario import Ask, Place

MOST_BODY_BYTES: Final = 8192
"""The largest body the private codexd takes, so that one that is too large makes a small fixture."""

STRANGER: Final = "stranger"
"""A player of no scenario, whose key every stage takes: what others have is none of its."""

_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_READY: Final = Ask("/readyz", method="GET")
_MODELS: Final = Ask("/v1/models", method="GET")


@frozen
class Stage:
    """A codexd that runs.

    Attributes:
        codex: what the Codex binary calls itself, such as `codex-cli 0.163.0`; None where none answers.
    """

    codex: str | None
    _reactor: Any
    _address: IPv4Address
    _model: ScriptedModel

    async def play(self, ask: Ask, player: str = STRANGER) -> Response:
        """Send a request with the key of one of the players the stage was made for.

        Raises:
            TimeoutError: when the answer does not end in time.
        """
        return await self._until(_over if ask.awaits_end else _any, ask, player, PATIENCE_SECONDS)

    def asked(self) -> list[dict[str, Json]]:
        """Give, and forget, what the model was asked since last time."""
        bodies = [asked.body for asked in self._model.asked]
        self._model.asked.clear()
        return bodies

    async def _until(
        self, wanted: Callable[[Response], bool], ask: Ask, player: str, seconds: float
    ) -> Response:
        """Ask again and again until the answer is one that is wanted."""
        deadline = self._reactor.seconds() + seconds
        while not wanted(answer := await exchange(self._reactor, self._address, key(player), ask)):
            if self._reactor.seconds() > deadline:
                raise TimeoutError(f"{ask.path} did not come to its end within {seconds:g} s")
            await deferLater(self._reactor, _POLL_SECONDS)
        return answer


@asynccontextmanager
async def staged(
    reactor: Any, build: Path, place: Place, players: Iterable[str], binary: str | None = None
) -> AsyncIterator[Stage]:
    """Run a codexd until the block is left.

    Every player has an API key of its own, so that no two of them ever share a thread.

    Args:
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        build: a directory for its state (its store among it) and its CODEX_HOME, which are removed
            afterwards; not under the temporary directory, where Codex does not feel at home.
        place: whose settings it has.
        players: their names.
        binary: another Codex than the pinned one.

    Raises:
        Misconfigured: when there is no such binary.
        TimeoutError: when it does not get ready.
    """
    private, model = _private(build), ScriptedModel(reactor)
    # Upstreams ask the model here; the daemon has a port of its own for Codex to ask it.
    port = reactor.listenTCP(0, scripted_site(reactor, model), interface="127.0.0.1")
    given = Circumstances(f"http://127.0.0.1:{port.getHost().port}/v1", binary)
    chosen = evolve(settings(place, given), http=_http(players))
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(private),
        "STATE_DIRECTORY": str(private),
    }
    daemon = Daemon(chosen, environ, reactor, model=model)
    try:
        codex = await _version(reactor, chosen.codex)
        daemon.startService()
        (address,) = daemon.addresses
        assert isinstance(address, IPv4Address)
        stage = Stage(codex, reactor, address, model)
        await stage._until(_is_ready, _READY, STRANGER, _START_SECONDS)
        await stage._until(_lists(chosen.upstream), _MODELS, STRANGER, _START_SECONDS)
        yield stage
    finally:
        await daemon.stopService()
        await port.stopListening()
        rmtree(private, ignore_errors=True)


def _http(players: Iterable[str]) -> Http:
    return Http(
        listen=("tcp:0:interface=127.0.0.1",),
        api_keys=tuple(map(key, (*players, STRANGER))),
        max_body_bytes=MOST_BODY_BYTES,
    )


def _private(build: Path) -> Path:
    build.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix="parity-", dir=build)).absolute()


def key(player: str) -> str:
    """Give a player's API key."""
    return f"sk-parity-{player}"


def _any(answer: Response) -> bool:
    return True


def _over(answer: Response) -> bool:
    return standing(answer) == "over"


def _is_ready(answer: Response) -> bool:
    return answer.status == 200


def _lists(upstreams: Iterable[Upstream]) -> Callable[[Response], bool]:
    names = {one.prefix + MODEL for one in upstreams}
    return lambda answer: names <= listed(answer)


async def _version(reactor: Any, codex: Codex) -> str | None:
    if codex.model == "none":
        return None
    said: bytes = await getProcessOutput(str(home.binary(codex)), ("--version",), reactor=reactor)
    return said.decode().strip()
