"""The only JSON codec of codexd.

It uses orjson, whose behaviour in the edge cases is the contract. Decoding rejects a lone surrogate, NaN, a
number that overflows a double, invalid UTF-8, a byte order mark and nesting deeper than 1024; an integer
beyond 64 bits becomes a float; of duplicate names the last one counts. Encoding writes NaN and infinities as
null and rejects a lone surrogate, an integer beyond 64 bits and nesting deeper than 254. Some texts that can
be decoded therefore cannot be encoded again: pass them on as a `fragment`.
"""

import json as standard
import re
from typing import Any, Final

import orjson

from codexd.wire.surrogates import join_halves

Json = Any
"""A decoded JSON value. Used inside codecs only: modules exchange typed values, not dicts."""


_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


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


def decode_damaged(data: bytes) -> Json:
    """Decode one JSON text that `decode` rejects because characters in its strings are damaged.

    Invalid UTF-8 becomes U+FFFD. Lone surrogates stay in the strings, which `encode` rejects.

    Raises:
        JsonError: if anything else is wrong with it.
    """
    text = data.decode("utf-8", "replace")
    if not _SURROGATE_ESCAPE.search(data) and "\ufffd" not in text:
        raise JsonError("the text is not valid JSON")
    try:
        return standard.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise JsonError("the text is not valid JSON") from None


def replace_surrogates(value: Json) -> Json:
    """Return a decoded value in which every lone surrogate is U+FFFD.

    Raises:
        RecursionError: if it is nested too deep.
    """
    if isinstance(value, str):
        return join_halves(value)
    if isinstance(value, list):
        return [replace_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {join_halves(name): replace_surrogates(one) for name, one in value.items()}
    return value


def _reject_constant(name: str) -> Json:
    raise ValueError(name)


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


def encode_line(value: Json) -> bytes:
    """Encode a value with a newline at the end, without another copy of a long text.

    Raises:
        JsonError: as `encode`.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
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


def nests_deeper(value: Json, limit: int) -> bool:
    """Return whether a value nests deeper than `limit`; it walks level by level, without recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in (dict, list)
        ]
        if not level:
            return False
    return True
