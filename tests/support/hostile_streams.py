"""Responses of a model's provider that would hold the daemon for long, if it were careless."""

from collections.abc import Callable
from typing import Final

from codexd.wire import json, sse
from codexd.wire.json import Json

_BIG: Final = 100_000


def _event(chunk: Json) -> bytes:
    return sse.encode_frame(json.encode(chunk))


def _delta(delta: Json, finish: str | None = None) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _answer(*chunks: bytes) -> bytes:
    return b"".join((*chunks, _delta({}, "stop"), sse.encode_frame(b"[DONE]")))


def _call(arguments: str, **members: Json) -> bytes:
    return _delta({"tool_calls": [{"function": {"arguments": arguments}, **members}]})


def _named_call(arguments: str, **members: Json) -> bytes:
    return _delta({"tool_calls": [{"function": {"name": "f", "arguments": arguments}, **members}]})


def _raw(content: bytes) -> bytes:
    return b'data: {"choices":[{"delta":%b}]}\n\n' % content


STREAMS: Final[dict[str, Callable[[], bytes]]] = {
    "blocks-open": lambda: _answer(_delta({"content": "<use_tool>" * (16 * _BIG // 10)})),
    "blocks-empty": lambda: _answer(_delta({"content": "<use_tool></use_tool>" * _BIG})),
    "blocks-calls": lambda: _answer(_delta({"content": "<use_tool><name>f</name></use_tool>" * (_BIG // 2)})),
    "blocks-nested": lambda: _answer(
        _delta({"content": "<use_tool>{" + '"a":[' * 600 + "1" + "]" * 600 + "}</use_tool>"}),
    ),
    "fragments": lambda: _answer(
        _named_call('{"a":[1', index=0, id="c"), _call(",{}", index=0) * _BIG, _call("]}", index=0)
    ),
    "fragments-bare": lambda: _answer(_named_call('{"a":[1', id="c"), _call(",{}") * (_BIG // 2), _call("]}")),
    "calls": lambda: _answer(
        *(_named_call("{}", index=number, id=f"c{number}") for number in range(_BIG // 5)),
    ),
    "parts": lambda: _answer(_delta({"content": [{"type": "text", "text": "a"}] * _BIG})),
    "complete": lambda: _event({"choices": [{"message": {"content": "a"}}]}) * (_BIG // 2),
    "lists": lambda: _raw(b'{"content":[' + b",".join([b"[]"] * 5_000_000) + b"]}"),
    "arguments-deep": lambda: _raw(
        b'{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":%b}}]}' % (b"[" * 1000 + b"]" * 1000)
    ),
    "state-deep": lambda: _raw(b'{"content":"a","reasoning_details":[{"type":%b}]}' % (b"[" * 900 + b"]" * 900)),
    "line": lambda: b"data: " + b"x" * 50_000_000 + b"\n\n",
    "number": lambda: _raw(b'{"content":"a","n":%b}' % (b"9" * 1_000_000)),
    "halves": lambda: _raw(b'{"content":"' + b"\\ud83d" * _BIG + b'"}'),
    "text": lambda: _answer(_delta({"content": "word " * 1_600_000})),
}
"""The bytes of each stream by its name."""
