"""One spelling for all spellings of a JSON text, to compare texts that a client has parsed and written again.

White space, the order of the names of an object, and the escapes of a string do not matter, nor does how the
fraction of a number is spelled (`1.50`, `15e-1`). Everything else does: an integer is not a fraction (`1`,
`1.0`), and no digit is rounded away, as it is where numbers become doubles. A text that is not JSON, has a
duplicate name, nests too deep, or has too many values has no other spelling. The standard library's parser is used,
because only it shows the digits of numbers and duplicate names.
"""

import json
from functools import lru_cache
from typing import Any, Final, NoReturn

_CACHED_CHARACTERS: Final = 4096
"""Longer texts are not cached: a thousand of them would take up too much memory."""

_MAX_COMMAS: Final = 50_000
"""Texts with more values are not parsed: a million fractions would take seconds."""

_FRACTION: Final = "fraction \N{INFORMATION SEPARATOR ONE}"
"""The only name of the object that stands for a fraction; a text with this name has no canonical spelling."""


def canonical_text(text: str) -> str:
    """Return the canonical spelling of a JSON text, for comparisons only.

    Two texts have the same one if they are spellings of the same value, or are the same text.
    """
    return _cached(text) if len(text) <= _CACHED_CHARACTERS else _canonical(text)


def _canonical(text: str) -> str:
    if text.count(",") > _MAX_COMMAS:
        return text
    try:
        return _ENCODER.encode(_DECODER.decode(text))
    except (ValueError, RecursionError):
        return text


_cached = lru_cache(maxsize=1024)(_canonical)


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs) or _FRACTION in members:
        raise ValueError("one of the values would be lost")
    return members


def _parse_fraction(text: str) -> dict[str, str]:
    """Return a number with a fraction or an exponent as its significant digits and the exponent of the last one."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    sign = "-" if whole.startswith("-") else ""
    digits = (whole.removeprefix("-") + fraction).lstrip("0")
    significant = digits.rstrip("0")
    last = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    return {_FRACTION: f"{sign}{significant}e{last if significant else 0}"}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("JSON has no NaN and no infinity")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_parse_object, parse_float=_parse_fraction, parse_constant=_refuse_constant
)
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
"""It writes ASCII: a lone surrogate, which a text may contain as an escape, cannot be encoded as UTF-8."""
