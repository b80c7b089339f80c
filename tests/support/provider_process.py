"""The scripted model in its own process, with paths to inspect it.

`python -m tests.support.provider_process [PORT]` prints its address. Beside the model's paths it serves
`/asked?N`, a JSON list of the bodies of the last N requests, and `/open`, the number of running responses.
"""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.http import Request
from twisted.web.resource import Resource

from codexd.scripted.server import ScriptedModel, build_site
from codexd.wire.json import Json, encode, fragment
from tests.support.http_client import request
from tests.support.processes import TIMEOUT_SECONDS, start

ROOT = Path(__file__).resolve().parent.parent.parent


class ProviderProcess:
    """Starts and controls the process.

    Args:
        port: its port; 0 selects a free one.

    Attributes:
        url: its base URL.
    """

    def __init__(self, port: int = 0) -> None:
        command = (sys.executable, "-m", "tests.support.provider_process", str(port))
        self._process = start(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().decode().strip() + "/v1"
        self._port = int(self.url.removesuffix("/v1").rpartition(":")[2])

    def asked(self, count: int) -> list[Json]:
        """Return the bodies of the last requests, oldest first."""
        bodies: list[Json] = request(self._port, "GET", f"/asked?{count}").json
        return bodies

    @property
    def open(self) -> int:
        """The number of running responses."""
        return int(request(self._port, "GET", "/open").json)

    def stop(self) -> None:
        """Stop the process."""
        self.end(signal.SIGTERM)

    def end(self, sent: signal.Signals) -> None:
        """Send a signal and wait until the process ends."""
        self._process.send_signal(sent)
        self._process.wait(TIMEOUT_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


class InspectedModel(Resource):
    """Serves the inspection paths; the model serves the others."""

    isLeaf = True

    def __init__(self, model: ScriptedModel) -> None:
        super().__init__()
        self._model = model

    def render(self, request: Request) -> Any:
        """Render one request."""
        path, _, query = request.uri.partition(b"?")
        if path == b"/asked":
            return encode([fragment(asked.raw) for asked in list(self._model.received)[-int(query) :]])
        if path == b"/open":
            return encode(self._model.open)
        return self._model.render(request)


def _serve(reactor: Any, port_number: str = "0") -> Deferred[None]:
    model = ScriptedModel(reactor)
    site = build_site(reactor, model)
    site.resource = InspectedModel(model)
    port = reactor.listenTCP(int(port_number), site, interface="127.0.0.1")
    print(f"http://127.0.0.1:{port.getHost().port}", flush=True)
    return Deferred()


if __name__ == "__main__":
    react(_serve, sys.argv[1:])
