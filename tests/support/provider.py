"""The scripted model in a process of its own, with a window: what it was asked, and what it still answers.

`python -m tests.support.provider [PORT]` prints its address. Beside the model's own paths it knows
`/asked?N`, a JSON list of the bodies of the last N requests, and `/open`, the number of answers under way.
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

from codexd.scripted.server import ScriptedModel, scripted_site
from codexd.wire.json import Json, encode, fragment
from tests.support.loopback import request
from tests.support.system import PATIENCE_SECONDS, start

ROOT = Path(__file__).resolve().parent.parent.parent


class Provider:
    """The process, as a test has it.

    Args:
        port: where it listens; 0 is a free one.

    Attributes:
        url: its base URL.
    """

    def __init__(self, port: int = 0) -> None:
        command = (sys.executable, "-m", "tests.support.provider", str(port))
        self._process = start(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().decode().strip() + "/v1"
        self._port = int(self.url.removesuffix("/v1").rpartition(":")[2])

    def asked(self, count: int) -> list[Json]:
        """The bodies of the last requests it got, oldest first."""
        bodies: list[Json] = request(self._port, "GET", f"/asked?{count}").json
        return bodies

    @property
    def open(self) -> int:
        """How many answers it is giving."""
        return int(request(self._port, "GET", "/open").json)

    def stop(self) -> None:
        """End it."""
        self.end(signal.SIGTERM)

    def end(self, sent: signal.Signals) -> None:
        """Send it the signal that ends it."""
        self._process.send_signal(sent)
        self._process.wait(PATIENCE_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Window(Resource):
    """Shows the model's side; everything else goes to the model."""

    isLeaf = True

    def __init__(self, model: ScriptedModel) -> None:
        super().__init__()
        self._model = model

    def render(self, request: Request) -> Any:
        """Answer one request."""
        path, _, query = request.uri.partition(b"?")
        if path == b"/asked":
            return encode([fragment(asked.raw) for asked in list(self._model.asked)[-int(query) :]])
        if path == b"/open":
            return encode(self._model.open)
        return self._model.render(request)


def _serve(reactor: Any, wanted: str = "0") -> Deferred[None]:
    model = ScriptedModel(reactor)
    site = scripted_site(reactor, model)
    site.resource = Window(model)
    port = reactor.listenTCP(int(wanted), site, interface="127.0.0.1")
    print(f"http://127.0.0.1:{port.getHost().port}", flush=True)
    return Deferred()


if __name__ == "__main__":
    react(_serve, sys.argv[1:])
