"""What stands in a parameter's tag: a JSON value as text that a person would write, and back.

A text is written as it is, markup escaped; anything else as JSON. Where a text would be taken for something
else, or would lose line breaks at its ends, it gets lines of its own: what stands between them is text. The
readers of such blocks trim what they read, so that these line breaks mean nothing to them.
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


def spell(value: Json) -> str:
    """Write a value so that `untyped` gives it back."""
    if not isinstance(value, str):
        return markup_free(json.encode(value).decode())
    return spell_text(value)


def spell_text(text: str) -> str:
    """Write a text so that both `untyped` and `text_of` give it back."""
    written = escape(text)
    return written if untyped(written) == text and text_of(written) == text else f"\n{written}\n"


def markup_free(text: str) -> str:
    """Write JSON without a character that is markup; it stays the same JSON."""
    return text.translate(_MARKUP)


def text_of(raw: str) -> str:
    """Read what stands in a tag as text."""
    own = _OWN_LINES.fullmatch(raw)
    inner = raw if own is None else own[1]
    data = _CDATA.fullmatch(inner)
    return unescape(inner) if data is None else data[1]


def untyped(raw: str) -> Json:
    """Read what stands in a tag, where no schema says what it is: JSON if it looks so, else text."""
    text = text_of(raw)
    if _OWN_LINES.fullmatch(raw) or _CDATA.fullmatch(raw):
        return text
    try:
        value = json.decode(text)
    except json.Malformed:
        return text
    return value if exact(value) and not isinstance(value, str) else text


def exact(value: Json) -> bool:
    """Tell whether a decoded value says what its JSON did; great whole numbers become inexact."""
    if isinstance(value, dict):
        return all(map(exact, value.values()))
    if isinstance(value, list):
        return all(map(exact, value))
    return not isinstance(value, float) or abs(value) < 2**63


def escape(text: str) -> str:
    """Escape what XML content must (XML 1.0, 2.4); `>` stays, as Markdown is full of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def unescape(text: str) -> str:
    """Resolve XML's five entities and character references; any other `&` is itself."""
    return _ENTITY.sub(_resolved, text) if "&" in text else text


def _resolved(match: "re.Match[str]") -> str:
    if match[1]:
        return _ENTITIES[match[1]]
    code = int(match[2]) if match[2] else int(match[3], 16)
    return match[0] if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)
