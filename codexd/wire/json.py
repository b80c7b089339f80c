"""The one JSON codec: everything codexd reads or writes as JSON passes here.

orjson, with its answers to the doubtful cases taken as the contract. Read: a lone surrogate, NaN, a number
that overflows a double, invalid UTF-8, a byte order mark and nesting beyond 1024 are refused; an integer
beyond 64 bits becomes a float; of equal names the last counts. Written: NaN and infinities become null; a
lone surrogate, an integer beyond 64 bits and nesting beyond 254 are refused. So some texts that can be read
cannot be written again: pass them on as a `fragment`.
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


def is_valid(data: bytes | str) -> bool:
    """Tell whether this is one JSON text."""
    try:
        decode(data)
    except Malformed:
        return False
    return True


def encode(value: Json) -> bytes:
    """Write one JSON text, compact, UTF-8.

    Raises:
        Malformed: when the value holds something JSON cannot say (see above).
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise Malformed(str(error)) from None


def canonical(value: Json) -> bytes:
    """Write one JSON text with sorted keys, so that equal values give equal bytes.

    Raises:
        Malformed: as `encode` does.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise Malformed(str(error)) from None


def fragment(text: str | bytes) -> orjson.Fragment:
    """Embed JSON text that is already encoded, without reading it again."""
    return orjson.Fragment(text)
