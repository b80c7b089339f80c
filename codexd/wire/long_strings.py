"""Decodes large JSON texts with very long strings, such as images, in several steps of C code instead of one long one.

The interpreter runs nothing else during such a step, whichever thread it is in. So long stretches without a quote are
cut out of the text first, decoded on their own, and put back into the decoded value.
"""

from collections.abc import Iterator
from typing import Final

from codexd.wire import json
from codexd.wire.json import Json

LARGE_BYTES: Final = 4 * 2**20
"""Smaller texts are decoded at once."""

_STRETCH_BYTES: Final = 2**20
_MARK: Final = "codexd-stretch-%d-"


def decode(data: bytes, large_bytes: int = LARGE_BYTES, stretch_bytes: int = _STRETCH_BYTES) -> Json:
    """Decode one JSON text, as `json.decode` does.

    Args:
        data: the text.
        large_bytes: the size up to which a text is decoded at once.
        stretch_bytes: the size up to which a stretch stays in the text.

    Raises:
        JsonError: if it is not valid JSON.
    """
    found = [*_find_stretches(data, stretch_bytes)] if len(data) > large_bytes else []
    if not found or b"codexd-stretch-" in data:
        return json.decode(data)
    pieces, position = [], 0
    for number, (start, end) in enumerate(found):
        pieces += [data[position:start], (_MARK % number).encode()]
        position = end
    pieces.append(data[position:])
    try:
        value = json.decode(b"".join(pieces))
        texts = {_MARK % number: data[start:end].decode() for number, (start, end) in enumerate(found)}
    except ValueError:  # also if a stretch is outside of a string, as many numbers are
        return json.decode(data)
    return value if _put_back(value, texts) else json.decode(data)


def _find_stretches(data: bytes, size: int) -> Iterator[tuple[int, int]]:
    """Yield the long stretches without a quote or a backslash; each one has one of the probed positions in it."""
    position = 0
    for probe in range(size // 2, len(data), max(size // 2, 1)):
        if probe < position:
            continue
        start = data.rfind(b'"', position, probe) + 1
        end = data.find(b'"', probe)
        if start and end - start > size and data.find(b"\\", start, end) < 0:
            yield start, end
        position = len(data) if end < 0 else end


def _put_back(value: Json, texts: dict[str, str]) -> bool:
    """Replace the marks in a decoded value by their texts; return whether each was a whole string, once."""
    found = 0
    level = [value]
    while level:
        following = []
        for node in level:
            for key, child in node.items() if type(node) is dict else enumerate(node):
                if type(child) is str:
                    if child in texts:
                        node[key] = texts[child]
                        found += 1
                elif type(child) in (dict, list):
                    following.append(child)
        level = following
    return found == len(texts)
