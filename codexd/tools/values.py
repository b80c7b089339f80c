"""Encodes and decodes the content of a parameter's tag: a JSON value as readable text.

A string is written as it is, with markup escaped; any other value as JSON. A string that would be decoded as
something else, or would lose line breaks at its ends, is put on lines of its own: the string is the text
between the first and the last line break. Other parsers of such blocks trim the content and so ignore these
line breaks.
"""

import re
from typing import Final

from codexd.wire import json
from codexd.wire.json import Json

_OWN_LINES: Final = re.compile(r"\n(.*)\n[ \t]*", re.DOTALL)
_CDATA: Final = re.compile(r"\s*<!\[CDATA\[(.*)\]\]>\s*", re.DOTALL)
_ENTITY: Final = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));")
_ENTITIES: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_MARKUP: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


MAX_DEPTH: Final = 128
"""How deep a value may nest, as deep as a request: deeper ones cannot be encoded again."""


def decode_value(text: str) -> Json:
    """Decode a JSON text.

    Raises:
        JsonError: if it is not valid JSON, or nests too deep.
    """
    value = json.decode(text)
    if text.count("[") + text.count("{") > MAX_DEPTH and json.nests_deeper(value, MAX_DEPTH):
        raise json.JsonError("the value nests too deep")
    return value


def encode_value(value: Json) -> str:
    """Encode a value so that `decode_untyped` returns it."""
    if not isinstance(value, str):
        return escape_json(json.encode(value).decode())
    return encode_text(value)


def encode_text(text: str) -> str:
    """Encode a string so that both `decode_untyped` and `decode_text` return it."""
    escaped = escape(text)
    return escaped if decode_untyped(escaped) == text and decode_text(escaped) == text else f"\n{escaped}\n"


def escape_json(text: str) -> str:
    """Escape the markup characters of a JSON text as JSON; its value does not change."""
    return text.translate(_MARKUP)


def decode_text(raw: str) -> str:
    """Decode the content of a tag as a string."""
    own_lines = _OWN_LINES.fullmatch(raw)
    inner = raw if own_lines is None else own_lines[1]
    cdata = _CDATA.fullmatch(inner)
    return unescape(inner) if cdata is None else cdata[1]


def decode_untyped(raw: str) -> Json:
    """Decode the content of a tag without a schema: as JSON if it is that, else as a string."""
    text = decode_text(raw)
    if _OWN_LINES.fullmatch(raw) or _CDATA.fullmatch(raw):
        return text
    try:
        value = decode_value(text)
    except json.JsonError:
        return text
    return value if is_exact(value) and not isinstance(value, str) else text


def is_exact(value: Json) -> bool:
    """Return whether a decoded value equals its JSON; very large integers become inexact floats."""
    if isinstance(value, dict):
        return all(map(is_exact, value.values()))
    if isinstance(value, list):
        return all(map(is_exact, value))
    return not isinstance(value, float) or abs(value) < 2**63


def escape(text: str) -> str:
    """Escape what XML content must (XML 1.0, 2.4); `>` stays because it is frequent in Markdown."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def unescape(text: str) -> str:
    """Resolve XML's five entities and character references; any other `&` stays."""
    return _ENTITY.sub(_resolve, text) if "&" in text else text


def _resolve(match: "re.Match[str]") -> str:
    if match[1]:
        return _ENTITIES[match[1]]
    code = int(match[2]) if match[2] else int(match[3], 16)
    return match[0] if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)
