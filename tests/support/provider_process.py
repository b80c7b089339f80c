"""The scripted model in its own process, with paths to inspect it.

`python -m tests.support.provider_process [PORT]` prints its address. Beside the model's paths it serves
`/asked?N`, a JSON list of the bodies of the last N requests, `/open`, the number of running responses, `/sent`, the
sums of the usages that it has sent, and `/listed`, the requests for its list of models. `/models` sets that list,
`/answers` the answer to Responses requests, `/headers` further headers of all answers.
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
from codexd.wire.json import Json, decode, encode, fragment
from tests.support.http_client import request
from tests.support.processes import TIMEOUT_SECONDS, start
from tests.support.sent_usage import SentUsage

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

    @property
    def sent_usage(self) -> dict[str, int]:
        """The sums of the usages that it has sent, by kind."""
        sums: dict[str, int] = request(self._port, "GET", "/sent").json
        return sums

    @property
    def listed(self) -> list[Json]:
        """The requests for the list of models: path with query, and headers by their lower-case names."""
        requests: list[Json] = request(self._port, "GET", "/listed").json
        return requests

    def set_models(self, body: Json, status: int = 200) -> None:
        """Set the response to requests for the list of models."""
        request(self._port, "POST", f"/models?{status}", encode(body))

    def set_answers(self, body: bytes, status: int, count: int = -1) -> None:
        """Set the response to the next Responses requests, to all by default; status 0 lets the model answer again."""
        request(self._port, "POST", f"/answers?{status}&{count}", body)

    def set_headers(self, headers: dict[str, str]) -> None:
        """Set further headers of all answers of the model."""
        request(self._port, "POST", "/headers", encode(headers))

    def send(self, sent: signal.Signals) -> None:
        """Send a signal, without waiting."""
        self._process.send_signal(sent)

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
        self._sent = SentUsage()
        self._headers: dict[str, str] = {}
        self._listed: list[Json] = []
        self._list: tuple[int, bytes] | None = None
        self._answer = (0, b"")
        self._answers_left = 0

    def render(self, request: Request) -> Any:
        """Render one request."""
        path, _, query = request.uri.partition(b"?")
        if path in (b"/asked", b"/open", b"/sent", b"/listed"):
            return encode(self._inspect(path, query))
        if path in (b"/models", b"/answers", b"/headers"):
            assert request.content is not None
            self._configure(path, query, request.content.read())
            return b""
        for name, value in self._headers.items():
            request.setHeader(name, value)
        if path == b"/v1/responses" and self._answer[0] and self._answers_left:
            self._answers_left -= 1
            request.setResponseCode(self._answer[0])
            return self._answer[1]
        if path == b"/v1/models":
            return self._render_list(request)
        self._sent.watch(request)
        return self._model.render(request)

    def _inspect(self, path: bytes, query: bytes) -> Json:
        if path == b"/asked":
            return [fragment(asked.raw) for asked in list(self._model.received)[-int(query) :]]
        if path == b"/open":
            return self._model.open
        return dict(self._sent.tokens) if path == b"/sent" else self._listed

    def _configure(self, path: bytes, query: bytes, body: bytes) -> None:
        if path == b"/models":
            self._list = int(query), body
        elif path == b"/headers":
            self._headers = decode(body)
        else:
            status, count = map(int, query.split(b"&"))
            self._answer, self._answers_left = (status, body), count

    def _render_list(self, request: Request) -> Any:
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        self._listed.append({"path": request.uri.decode(), "headers": headers})
        if self._list is None:
            return self._model.render(request)
        request.setResponseCode(self._list[0])
        return self._list[1]


def _serve(reactor: Any, port_number: str = "0") -> Deferred[None]:
    model = ScriptedModel(reactor)
    site = build_site(reactor, model)
    site.resource = InspectedModel(model)
    port = reactor.listenTCP(int(port_number), site, interface="127.0.0.1")
    print(f"http://127.0.0.1:{port.getHost().port}", flush=True)
    return Deferred()


if __name__ == "__main__":
    react(_serve, sys.argv[1:])
