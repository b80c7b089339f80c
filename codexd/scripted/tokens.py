"""Cut a text into deltas in a chosen shape. Whatever the shape, the pieces joined are the text."""

import re
from collections.abc import Callable, Iterable
from random import Random
from typing import TypeAlias

Pieces: TypeAlias = tuple[str, ...]

DEFAULT = "words"

_FEW = 4
_LONGEST_RANDOM_PIECE = 7
_WORD = re.compile(r"\S+\s*|\s+")
_BEFORE_REPEAT = re.compile(r"(.{1,8}?)(?=\1)", re.DOTALL)


def words(text: str) -> Pieces:
    """Every word with the space that follows it; leading space is a piece of its own."""
    return tuple(_WORD.findall(text))


def repeats(text: str) -> Pieces:
    """Cut where a piece begins with what the one before ended with: `bo|ok`, `1|100`, `ha|ha`.

    A reader that takes the overlap for a repetition and drops it loses text here.
    """
    return _cut(text, (found.end() for found in _BEFORE_REPEAT.finditer(text)))


def empty(text: str) -> Pieces:
    """Words, with an empty delta after each but the last."""
    spaced = tuple(piece for word in words(text) for piece in (word, ""))
    return spaced[:-1]


def whole(text: str) -> Pieces:
    """One delta; none for no text."""
    return (text,) if text else ()


def few(text: str) -> Pieces:
    """At most four pieces of about one length."""
    size = -(-len(text) // _FEW)
    return _cut(text, range(size, len(text), size)) if size else ()


def at_random(text: str, seed: str) -> Pieces:
    """Pieces of 1 to 7 characters; the same seed cuts the same text the same way."""
    source = Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
    borders = []
    at = source.randint(1, _LONGEST_RANDOM_PIECE)
    while at < len(text):
        borders.append(at)
        at += source.randint(1, _LONGEST_RANDOM_PIECE)
    return _cut(text, borders)


_SHAPES: dict[str, Callable[[str], Pieces]] = {
    "words": words,
    "chars": tuple,
    "repeats": repeats,
    "empty": empty,
    "whole": whole,
    "few": few,
}
_RANDOM = "random:"


def is_shape(name: str) -> bool:
    """Whether `split` knows this shape."""
    return name in _SHAPES or name.startswith(_RANDOM)


def split(text: str, shape: str) -> Pieces:
    """Cut `text` in the named shape: a name of the table, or `random:SEED`."""
    if shape.startswith(_RANDOM):
        return at_random(text, shape.removeprefix(_RANDOM))
    return _SHAPES[shape](text)


def _cut(text: str, borders: Iterable[int]) -> Pieces:
    """The pieces between rising borders, none of them empty."""
    pieces = []
    start = 0
    for border in (*borders, len(text)):
        if border > start:
            pieces.append(text[start:border])
            start = border
    return tuple(pieces)
