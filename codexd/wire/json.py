"""The one JSON codec: everything codexd reads or writes as JSON passes here.

orjson, with its answers to the doubtful cases taken as the contract: a lone surrogate, NaN, an infinite
number, invalid UTF-8 and nesting beyond 1024 are refused when read; NaN and infinities are written as null.
"""

from typing import Any

import orjson

Json = Any
"""A decoded JSON value. It lives inside one codec function; values, not dicts, cross module borders."""


class Malformed(ValueError):
    """The text is not JSON as RFC 8259 has it."""


def decode(data: bytes | bytearray | memoryview | str) -> Json:
    """Read one JSON text.

    Raises:
        Malformed: when it is not JSON; the message says where, and never quotes the text.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed(str(error)) from None


def encode(value: Json) -> bytes:
    """Write one JSON text, compact, UTF-8.

    Raises:
        Malformed: when the value holds something JSON cannot say (a lone surrogate, an integer over 64 bits).
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise Malformed(str(error)) from None


def canonical(value: Json) -> bytes:
    """Write one JSON text with sorted keys, so that equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def fragment(text: str | bytes) -> orjson.Fragment:
    """Embed JSON text that is already encoded, without reading it again."""
    return orjson.Fragment(text)
