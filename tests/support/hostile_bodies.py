"""Request bodies that cost as much as the limits allow, or would cost far more without them.

They are built when they are used: some have 60 MB.
"""

import gzip
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import brotli
import zstandard

from codexd.fronts.limits import DEFAULT_LIMITS
from codexd.neutral.records import frozen
from codexd.wire import json
from codexd.wire.json import Json

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
COMPLETIONS: Final = "/v1/completions"

_HI: Final = {"role": "user", "content": "say: hi"}
_MEGABYTE: Final = 10**6


@frozen(kw_only=True)
class HostileBody:
    """One request body.

    Attributes:
        name: what is hostile in it.
        path: of the endpoint.
        build: returns the body.
        encoding: its content encoding.
        accepted: whether a request like this is within the limits.
    """

    name: str
    path: str
    build: Callable[[], bytes]
    encoding: str = ""
    accepted: bool = False


def repeat(element: bytes, count: int, before: bytes = b"[", after: bytes = b"]") -> bytes:
    """Return a JSON array with the same element many times."""
    return before + b",".join([element] * count) + after


def with_field(path: str, name: str, value: bytes, model: str) -> bytes:
    """Return a body that is valid but for one more field, given as JSON text; a later name replaces an earlier one."""
    base: dict[str, Json] = {"model": model}
    if path == CHAT:
        base["messages"] = [_HI]
    elif path == COMPLETIONS:
        base["prompt"] = "say: hi"
    elif path.startswith(RESPONSES):
        base["input"] = [_HI]
    else:
        base["input"] = "hi"
    base.pop(name, None)
    return json.encode(base)[:-1] + b',"%b":%b}' % (name.encode(), value)


_NUMBERS: Final = {
    "a number that overflows": b"1e400000",
    "a very long integer": b"9" * _MEGABYTE,
    "a very long fraction": b"0." + b"9" * _MEGABYTE,
    "NaN": b"NaN",
    "a lone surrogate": b'"\\ud800"',
    "invalid UTF-8": b'"\xff\xfe"',
}


def hostile_values() -> Iterator[tuple[str, bytes]]:
    """Yield JSON texts for the place of any field."""
    yield from _NUMBERS.items()
    for depth in (127, 255, 1022, 100_000):
        yield f"nested {depth:,} deep", b"[" * depth + b"]" * depth
        yield f"objects nested {depth:,} deep", b'{"a":' * depth + b"1" + b"}" * depth
    yield "a million empty lists", repeat(b"[]", _MEGABYTE)
    yield "a million members", b"{" + b",".join(b'"%d":1' % number for number in range(_MEGABYTE)) + b"}"
    yield "one name a hundred thousand times", b"{" + b",".join([b'"a":1'] * 100_000) + b"}"


def _history(count: int) -> bytes:
    pair = b'{"role":"user","content":"%b"},{"role":"assistant","content":"%b"}' % (b"word " * 20, b"yes " * 20)
    return repeat(pair, count // 2 - 1, after=b',{"role":"user","content":"say: hi"}]')


def _image(size_bytes: int, path: str) -> bytes:
    url = b"data:image/png;base64," + b"A" * size_bytes
    if path == CHAT:
        parts = b'[{"type":"image_url","image_url":{"url":"%b"}},{"type":"text","text":"say: hi"}]' % url
    else:
        parts = b'[{"type":"input_image","image_url":"%b"},{"type":"input_text","text":"say: hi"}]' % url
    return b'[{"role":"user","content":%b}]' % parts


def _message(content: str) -> bytes:
    return json.encode([_HI | {"content": content}, _HI])


def _parts(path: str, count: int) -> bytes:
    part = b'{"type":"%b","text":"a"}' % (b"text" if path == CHAT else b"input_text")
    return repeat(part, count, b'[{"role":"user","content":[', b"]}]")


def _tools(count: int) -> bytes:
    tool = b'{"type":"function","function":{"name":"t%d","parameters":{"type":"object"}}}'
    return b"[" + b",".join(tool % number for number in range(count)) + b"]"


def _long_values(path: str) -> Iterator[tuple[str, Callable[[], bytes], bool]]:
    """Yield titles, builders of `messages` or `input`, and whether they are within the limits."""
    limits = DEFAULT_LIMITS
    yield "100,000 messages", lambda: repeat(json.encode(_HI), 100_000), False
    yield "64 MB of empty lists", lambda: repeat(b"[]", 22 * _MEGABYTE), False
    yield "as many messages as allowed", lambda: _history(limits.items), True
    yield "as many messages as allowed, again", lambda: _history(limits.items), True
    yield "as many content parts as allowed", lambda: _parts(path, limits.content_parts), True
    yield "80,000 content parts", lambda: _parts(path, 80_000), False
    yield "a text of 8 MB with many commas", lambda: _message("a, b {c}\n" * 900_000), True
    yield "a text of 8 MB beyond ASCII", lambda: _message("\u00e9\u6f22" * 1_600_000), True
    yield "an image of 20 MB", lambda: _image(20 * _MEGABYTE, path), True
    yield "an image of 60 MB", lambda: _image(60 * _MEGABYTE, path), True


def _long_fields() -> Iterator[tuple[str, str, str, Callable[[], bytes], bool]]:
    """Yield paths, names of fields, titles, builders, and whether they are within the limits."""
    for path, name in ((CHAT, "messages"), (RESPONSES, "input")):
        for title, build, accepted in _long_values(path):
            yield path, name, title, build, accepted
    yield CHAT, "tools", "as many tools as allowed", lambda: _tools(DEFAULT_LIMITS.tools), True
    yield CHAT, "tools", "10,000 tools", lambda: _tools(10_000), False
    yield "/v1/moderations", "input", "a million inputs", lambda: repeat(b'""', _MEGABYTE), False
    items = DEFAULT_LIMITS.items
    yield "/v1/responses/input_tokens", "input", "as many items as allowed", lambda: _history(items), True


def compressed_bodies(model: str) -> Iterator[HostileBody]:
    """Yield small bodies that become large."""
    many = with_field(CHAT, "messages", repeat(b'{"role":"user","content":""}', 2_300_000), model)
    for encoding, body in (
        ("zstd", zstandard.ZstdCompressor(level=19).compress(many)),
        ("gzip", gzip.compress(many)),
        ("br", brotli.compress(many, quality=5)),
        ("gzip, zstd", zstandard.compress(gzip.compress(many))),
    ):
        title = f"{encoding}: 2.3 million messages in {len(body):,} bytes"
        yield HostileBody(name=title, path=CHAT, build=partial(bytes, body), encoding=encoding)


def hostile_bodies(model: str) -> Iterator[HostileBody]:
    """Yield the corpus."""
    for path, name, title, build, accepted in _long_fields():
        yield HostileBody(
            name=title, path=path, build=partial(_build_field, path, name, build, model), accepted=accepted
        )
    for path, name in ((CHAT, "metadata"), (RESPONSES, "text"), (COMPLETIONS, "prompt"), ("/v1/embeddings", "input")):
        for title, value in hostile_values():
            yield HostileBody(name=f"{name}: {title}", path=path, build=partial(with_field, path, name, value, model))
    yield from compressed_bodies(model)


def _build_field(path: str, name: str, build: Callable[[], bytes], model: str) -> bytes:
    return with_field(path, name, build(), model)
