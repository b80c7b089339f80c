"""The only JSON codec of codexd.

It uses orjson, whose behaviour in the edge cases is the contract. Decoding rejects a lone surrogate, NaN, a
number that overflows a double, invalid UTF-8, a byte order mark and nesting deeper than 1024; an integer
beyond 64 bits becomes a float; of duplicate names the last one counts. Encoding writes NaN and infinities as
null and rejects a lone surrogate, an integer beyond 64 bits and nesting deeper than 254. Some texts that can
be decoded therefore cannot be encoded again: pass them on as a `fragment`.
"""

from typing import Any

import orjson

Json = Any
"""A decoded JSON value. Used inside codecs only: modules exchange typed values, not dicts."""


class JsonError(ValueError):
    """The text is not valid JSON (RFC 8259), or the value cannot be encoded as JSON."""


def decode(data: bytes | bytearray | memoryview | str) -> Json:
    """Decode one JSON text.

    Raises:
        JsonError: if it is not valid JSON. The message has the position and never quotes the text.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise JsonError(str(error)) from None


def is_valid(data: bytes | str) -> bool:
    """Return whether this is one valid JSON text."""
    try:
        decode(data)
    except JsonError:
        return False
    return True


def encode(value: Json) -> bytes:
    """Encode a value as compact UTF-8 JSON.

    Raises:
        JsonError: if the value cannot be encoded (see the module).
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise JsonError(str(error)) from None


def encode_canonical(value: Json) -> bytes:
    """Encode a value with sorted keys, so that equal values have equal encodings.

    Raises:
        JsonError: as `encode`.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise JsonError(str(error)) from None


def fragment(text: str | bytes) -> orjson.Fragment:
    """Wrap encoded JSON text, so that `encode` embeds it unchanged."""
    return orjson.Fragment(text)
