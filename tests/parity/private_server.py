"""A complete private codexd for scenarios: real sockets, the scripted model, the real Codex."""

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

from codexd import codex_home
from codexd.scripted.prompt import MODEL
from codexd.scripted.server import ScriptedModel, build_site
from codexd.service import Daemon
from codexd.settings import Codex, Http, Upstream
from codexd.wire.json import Json
from tests.parity.client import RESPONSE_TIMEOUT_SECONDS, HttpResponse, send_request
from tests.parity.places import PlaceParameters, build_settings
from tests.parity.response_content import parse_listed_ids, parse_progress
from tests.parity.scenario import Place, ScenarioRequest

MAX_BODY_BYTES: Final = 8192
"""The server's limit of request bodies: small, so that a body over the limit makes a small fixture."""

OTHER_CLIENT: Final = "stranger"
"""A client that runs no scenario: its API key is valid, but it owns none of the scenarios' objects."""

_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_READY: Final = ScenarioRequest(path="/readyz", method="GET")
_MODELS: Final = ScenarioRequest(path="/v1/models", method="GET")


@frozen
class PrivateServer:
    """A running codexd.

    Attributes:
        codex: the version that the Codex binary prints, such as `codex-cli 0.163.0`; None without Codex.
    """

    codex: str | None
    _reactor: Any
    _address: IPv4Address
    _model: ScriptedModel

    async def send(self, request: ScenarioRequest, client: str = OTHER_CLIENT) -> HttpResponse:
        """Send a request with the API key of one of the clients the server was started for.

        Raises:
            TimeoutError: when the response does not end in time.
        """
        wanted = _is_done if request.poll_until_done else _is_any
        return await self._poll(wanted, request, client, RESPONSE_TIMEOUT_SECONDS)

    def take_provider_requests(self) -> list[dict[str, Json]]:
        """Return and remove the bodies of the requests that the model received since the last call."""
        bodies = [received.body for received in self._model.received]
        self._model.received.clear()
        return bodies

    async def _poll(
        self, wanted: Callable[[HttpResponse], bool], request: ScenarioRequest, client: str, seconds: float
    ) -> HttpResponse:
        """Repeat a request until its response is a wanted one."""
        deadline = self._reactor.seconds() + seconds
        key = api_key(client)
        while not wanted(response := await send_request(self._reactor, self._address, key, request)):
            if self._reactor.seconds() > deadline:
                raise TimeoutError(f"{request.path} was not done within {seconds:g} s")
            await deferLater(self._reactor, _POLL_SECONDS)
        return response


@asynccontextmanager
async def run_private_server(
    reactor: Any, build: Path, place: Place, clients: Iterable[str], binary: str | None = None
) -> AsyncIterator[PrivateServer]:
    """Run a codexd until the block is left.

    Every client has an API key of its own, so that no two of them share a thread.

    Args:
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        build: a directory for its state, its store and its CODEX_HOME, which are removed afterwards; not
            under the temporary directory, where Codex does not work.
        place: whose settings it has.
        clients: the clients' names.
        binary: another Codex than the pinned one.

    Raises:
        ConfigurationError: when there is no such binary.
        TimeoutError: when it is not ready in time.
    """
    private, model = _make_directory(build), ScriptedModel(reactor)
    # Upstreams reach the model here; the daemon opens a port of its own for Codex.
    port = reactor.listenTCP(0, build_site(reactor, model), interface="127.0.0.1")
    parameters = PlaceParameters(f"http://127.0.0.1:{port.getHost().port}/v1", binary)
    settings = evolve(build_settings(place, parameters), http=_build_http(clients))
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(private),
        "STATE_DIRECTORY": str(private),
    }
    daemon = Daemon(settings, environ, reactor, scripted_model=model)
    try:
        codex = await _read_version(reactor, settings.codex)
        daemon.startService()
        (address,) = daemon.addresses
        assert isinstance(address, IPv4Address)
        server = PrivateServer(codex, reactor, address, model)
        await server._poll(_is_ready, _READY, OTHER_CLIENT, _START_SECONDS)
        await server._poll(_lists_models_of(settings.upstream), _MODELS, OTHER_CLIENT, _START_SECONDS)
        yield server
    finally:
        await daemon.stopService()
        await port.stopListening()
        rmtree(private, ignore_errors=True)


def _build_http(clients: Iterable[str]) -> Http:
    return Http(
        listen=("tcp:0:interface=127.0.0.1",),
        api_keys=tuple(map(api_key, (*clients, OTHER_CLIENT))),
        max_body_bytes=MAX_BODY_BYTES,
    )


def _make_directory(build: Path) -> Path:
    build.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix="parity-", dir=build)).absolute()


def api_key(client: str) -> str:
    """Return a client's API key."""
    return f"sk-parity-{client}"


def _is_any(response: HttpResponse) -> bool:
    return True


def _is_done(response: HttpResponse) -> bool:
    return parse_progress(response) == "done"


def _is_ready(response: HttpResponse) -> bool:
    return response.status == 200


def _lists_models_of(upstreams: Iterable[Upstream]) -> Callable[[HttpResponse], bool]:
    names = {upstream.prefix + MODEL for upstream in upstreams}
    return lambda response: names <= parse_listed_ids(response)


async def _read_version(reactor: Any, codex: Codex) -> str | None:
    if codex.model == "none":
        return None
    output: bytes = await getProcessOutput(str(codex_home.find_codex_binary(codex)), ("--version",), reactor=reactor)
    return output.decode().strip()
