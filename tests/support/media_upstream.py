"""An upstream with moderations, images, audio and embeddings, in threads of the test's process.

The model's name of `audio/speech` selects the response::

    tts        the input, in several chunks
    large      `LARGE` bytes
    endless    bytes until the client disconnects
    slow       the input, half of it after `release` is set
    torn       some bytes, then a connection reset
    short      fewer bytes than announced
    untyped    the input, without a content type
    status-N   HTTP status N
"""

import socket
import struct
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, ClassVar

from attrs import define

from codexd.wire.json import Json, decode, encode

MODELS = (
    "omni-moderation",
    "gpt-image",
    "whisper",
    "tts",
    "large",
    "endless",
    "slow",
    "torn",
    "short",
    "untyped",
    "status-413",
    "text-embedding",
)
KEY = "sk-media"
LARGE = bytes(range(256)) * 2**15
"""8 MiB."""
PIXELS = "iVBORw0KGgo="


@define
class MediaRequest:
    """One request that was received."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The decoded JSON body."""
        return decode(self.body)

    @property
    def form(self) -> dict[str, bytes]:
        """The fields of a multipart body, as Python's `email` package reads them."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = message_from_bytes(head + self.body).get_payload()
        assert isinstance(parts, list)
        return {_name(part): part.get_payload(decode=True) for part in parts}  # type: ignore[misc]


def _name(part: Any) -> str:
    assert isinstance(part, Message)
    return str(part.get_param("name", header="content-disposition"))


class MediaUpstream:
    """The server.

    Attributes:
        url: its base URL.
        requests: the requests received.
        sent_bytes: how much `endless` has sent.
        disconnects: how many `endless` responses were closed by the client.
        release: lets `slow` continue.
    """

    def __init__(self) -> None:
        self.requests: list[MediaRequest] = []
        self.sent_bytes = self.disconnects = 0
        self.release = Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"upstream": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop the server."""
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report nothing: codexd closes connections that it does not need."""


class _Handler(BaseHTTPRequestHandler):
    upstream: ClassVar[MediaUpstream]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": name} for name in MODELS]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = MediaRequest(self.path, headers, body)
        self.upstream.requests.append(asked)
        _ENDPOINTS[self.path.removeprefix("/v1/")](self, asked)

    def _embed(self, asked: MediaRequest) -> None:
        data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 1.0]}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self._send(200, {"object": "list", "data": data, "model": asked.json["model"], "usage": usage})

    def _moderate(self, asked: MediaRequest) -> None:
        flagged = "bad" in str(asked.json["input"])
        results = [{"flagged": flagged, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}]
        self._send(200, {"id": "modr-1", "model": asked.json.get("model", "default"), "results": results})

    def _draw(self, asked: MediaRequest) -> None:
        if asked.json.get("stream"):
            kinds = ("image_generation.partial_image", "image_generation.completed")
            events = [{"type": kind, "b64_json": PIXELS, "partial_image_index": 0} for kind in kinds]
            self._stream("text/event-stream", *(b"data: %b\n\n" % encode(event) for event in events))
        else:
            self._send(200, {"created": 1, "data": [{"b64_json": PIXELS}]})

    def _edit(self, asked: MediaRequest) -> None:
        self._send(200, {"created": len(asked.form["image"]), "data": [{"b64_json": PIXELS}]})

    def _transcribe(self, asked: MediaRequest) -> None:
        self._send(200, {"text": f"{len(asked.form['file'])} bytes for {asked.form['model'].decode()}"})

    def _speak(self, asked: MediaRequest) -> None:
        verb, _, argument = asked.json["model"].partition("-")
        _VOICES[verb](self, argument or asked.json["input"])

    def _tts(self, said: str) -> None:
        self._stream("audio/mpeg", *(letter.encode() for letter in said))

    def _large(self, _: str) -> None:
        self._stream("audio/wav", *(LARGE[at : at + 2**16] for at in range(0, len(LARGE), 2**16)))

    def _endless(self, _: str) -> None:
        self._begin("audio/wav")
        try:
            while True:
                self._chunk(b"x" * 2**14)
                self.upstream.sent_bytes += 2**14
        except OSError:
            self.upstream.disconnects += 1
            self.close_connection = True

    def _slow(self, said: str) -> None:
        self._begin("audio/mpeg")
        half = len(said) // 2
        self._chunk(said[:half].encode())
        self.upstream.release.wait(30)
        self._chunk(said[half:].encode())
        self._chunk(b"")

    def _torn(self, _: str) -> None:
        self._begin("audio/mpeg")
        self._chunk(b"some bytes")
        time.sleep(0.05)  # a reset discards data sent immediately before it
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _short(self, _: str) -> None:
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"some bytes")
        self.close_connection = True

    def _untyped(self, said: str) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())

    def _status(self, status: str) -> None:
        self._send(int(status), {"error": {"message": "The secret is 42."}})

    def _begin(self, media: str) -> None:
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("set-cookie", "secret=1")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _stream(self, media: str, *pieces: bytes) -> None:
        self._begin(media)
        for piece in (*pieces, b""):
            self._chunk(piece)

    def _send(self, status: int, value: Json) -> None:
        body = encode(value)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_ENDPOINTS: dict[str, Callable[[_Handler, MediaRequest], None]] = {
    "embeddings": _Handler._embed,
    "moderations": _Handler._moderate,
    "images/generations": _Handler._draw,
    "images/edits": _Handler._edit,
    "images/variations": _Handler._edit,
    "audio/speech": _Handler._speak,
    "audio/transcriptions": _Handler._transcribe,
    "audio/translations": _Handler._transcribe,
}

_VOICES: dict[str, Callable[[_Handler, str], None]] = {
    "tts": _Handler._tts,
    "large": _Handler._large,
    "endless": _Handler._endless,
    "slow": _Handler._slow,
    "torn": _Handler._torn,
    "short": _Handler._short,
    "untyped": _Handler._untyped,
    "status": _Handler._status,
}
