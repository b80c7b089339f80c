"""An upstream that fails on demand, in threads of the test's process.

The model's name selects the behaviour; it also has a list of models, and embeddings::

    status-N   HTTP status N, with `Retry-After`
    flaky      503 without `Retry-After`, `failing` times, then an answer
    drip       half a line, byte by byte, without end
    torn       some words, then a connection reset
    signed     a call with the model's state; after its result, the state that came back as the answer
    other      the model's name as the answer
"""

import base64
import socket
import struct
import time
from array import array
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

from codexd.wire.json import Json, decode, encode

MODELS = ("torn", "embedder")
RETRY_AFTER = "7"
VECTOR = (0.5, -0.25, 3.0)
SIGNED: Json = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
DETAILS: Json = [
    {"type": "reasoning.summary", "summary": "Hm.", "index": 0},
    {"type": "reasoning.encrypted", "data": "gAAA", "id": "c1", "index": 1},
]
"""The state of the model in the response of `signed`."""

_DRIP_SECONDS = 0.02


class FaultyUpstream:
    """The server.

    Attributes:
        url: its base URL.
        failing: how many more times `flaky` fails.
        requests: the request bodies received.
        disconnects: how many `drip` responses were closed by the client.
    """

    def __init__(self) -> None:
        self.failing = self.disconnects = 0
        self.requests: list[Json] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"upstream": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    upstream: ClassVar[FaultyUpstream]

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": name} for name in MODELS]})

    def do_POST(self) -> None:
        try:
            body = decode(self.rfile.read(int(self.headers["content-length"])))
            body["model"].partition("-")
        except (ValueError, TypeError, KeyError, AttributeError):
            return self._send(400, {"error": {"message": "not a request"}})
        self.upstream.requests.append(body)
        if self.path.endswith("/embeddings"):
            return self._embed(body)
        verb, _, argument = body["model"].partition("-")
        return _VERBS.get(verb, _Handler._answer)(self, argument or body["model"])

    def _status(self, status: str) -> None:
        self._send(int(status), {"error": {"message": "The secret is 42."}}, ("retry-after", RETRY_AFTER))

    def _flaky(self, _: str) -> None:
        if self.upstream.failing:
            self.upstream.failing -= 1
            self._send(503, {"error": "not now"})
        else:
            self._answer("at last")

    def _answer(self, said: str) -> None:
        self._stream(_chunk({"content": said}) + _chunk({}, "stop") + b"data: [DONE]\n\n")

    def _torn(self, _: str) -> None:
        self._stream(_chunk({"content": "some "}) + _chunk({"content": "words"}))
        self.wfile.flush()
        time.sleep(_DRIP_SECONDS)  # a reset discards data sent immediately before it
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _signed(self, _: str) -> None:
        called = next((one for one in self.upstream.requests[-1]["messages"] if one.get("tool_calls")), None)
        if called is None:
            call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
            details = {"reasoning_details": DETAILS}
            self._stream(_chunk(details) + _chunk({"tool_calls": [call | SIGNED]}) + _chunk({}, "tool_calls"))
            return
        (call,) = called["tool_calls"]
        members = {
            name: one[name] for one in (called, call) for name in ("reasoning_details", "extra_content") if name in one
        }
        self._answer(encode(members).decode())

    def _drip(self, _: str) -> None:
        self._stream(_chunk({"content": "some "}))
        try:
            while True:
                self.wfile.write(b": ")
                self.wfile.flush()
                time.sleep(_DRIP_SECONDS)
        except OSError:
            self.upstream.disconnects += 1

    def _embed(self, body: Json) -> None:
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vector: Json = list(VECTOR)
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(array("f", VECTOR).tobytes()).decode()
        data = [{"object": "embedding", "index": at, "embedding": vector} for at in range(len(inputs))]
        usage = {"prompt_tokens": 2, "total_tokens": 2}
        self._send(200, {"object": "list", "model": body["model"], "data": data, "usage": usage})

    def _stream(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(data)

    def _send(self, status: int, value: Json, *more: tuple[str, str]) -> None:
        body = encode(value)
        self.send_response(status)
        for name, said in (
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            *more,
        ):
            self.send_header(name, said)
        self.end_headers()
        self.wfile.write(body)


_VERBS: dict[str, Callable[[_Handler, str], None]] = {
    "status": _Handler._status,
    "flaky": _Handler._flaky,
    "torn": _Handler._torn,
    "drip": _Handler._drip,
    "signed": _Handler._signed,
}


def _chunk(delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + encode({"id": "faulty", "object": "chat.completion.chunk", "choices": [choice]}) + b"\n\n"
