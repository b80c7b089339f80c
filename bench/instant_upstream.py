"""An upstream that answers at once with prepared bytes, so that it is not the bottleneck.

The request's text determines the answer: `long` has many chunks, written at once; `slow` has chunks in
separate writes; any other is short. With `delay=` and a number of milliseconds, the answer comes after that time.
Each chunk is one event and one HTTP chunk, with the members that most servers send.
"""

import asyncio
import re
import sys
from typing import Final

from codexd.wire import json, sse

MODEL: Final = "instant"
LONG_CHUNKS: Final = 4000
SLOW_CHUNKS: Final = 300
_SLOW_SECONDS: Final = 0.002
_DELAY: Final = re.compile(rb"delay=(\d+)")

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LIST: Final = json.encode({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
_USAGE: Final = {"prompt_tokens": 8, "completion_tokens": 4, "total_tokens": 12}


def _event(data: bytes) -> bytes:
    event = sse.encode_frame(data)
    return b"%x\r\n%b\r\n" % (len(event), event)


def _chunk(delta: json.Json, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return _event(json.encode(_FRAME | {"choices": [choice]}))


_FRAME: Final = {
    "id": "chatcmpl-0123456789abcdef0123456789abcdef",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": MODEL,
}
_FIRST: Final = _chunk({"role": "assistant", "content": ""})
_WORD: Final = _chunk({"content": " word"})
_LAST: Final = b"".join(
    (
        _chunk({}, "stop"),
        _event(json.encode(_FRAME | {"choices": [], "usage": _USAGE})),
        _event(b"[DONE]"),
        b"0\r\n\r\n",
    )
)
_SHORT: Final = _HEAD + _FIRST + _WORD + _LAST
_LONG: Final = _HEAD + _FIRST + LONG_CHUNKS * _WORD + _LAST
_MODELS: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_LIST),
    _LIST,
)


class InstantUpstream(asyncio.Protocol):
    """One connection with one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport (asyncio.Protocol)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer when a request is complete (asyncio.Protocol)."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._buffer = b""
        self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer one request."""
        if head.startswith(b"GET"):
            self._transport.write(_MODELS)
        elif delayed := _DELAY.search(body):
            asyncio.get_running_loop().call_later(int(delayed[1]) / 1000, self._transport.write, _SHORT)
        elif b"slow" in body:
            self._transport.write(_HEAD + _FIRST)
            self._write_slowly(SLOW_CHUNKS)
        else:
            self._transport.write(_LONG if b"long" in body else _SHORT)

    def _write_slowly(self, left: int) -> None:
        if left:
            self._transport.write(_WORD)
            asyncio.get_running_loop().call_later(_SLOW_SECONDS, self._write_slowly, left - 1)
        else:
            self._transport.write(_LAST)


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or b"0")


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(InstantUpstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
