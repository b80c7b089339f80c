"""Split a text into deltas in a named shape. The concatenated deltas are always the text."""

import re
from collections.abc import Callable, Iterable
from random import Random
from typing import TypeAlias

Pieces: TypeAlias = tuple[str, ...]

DEFAULT = "words"

_MAX_FEW_PIECES = 4
_LONGEST_RANDOM_PIECE = 7
_WORD = re.compile(r"\S+\s*|\s+")
_BEFORE_REPEAT = re.compile(r"(.{1,8}?)(?=\1)", re.DOTALL)


def split_words(text: str) -> Pieces:
    """Split into words, each with its following space; leading space is a separate delta."""
    return tuple(_WORD.findall(text))


def split_at_repeats(text: str) -> Pieces:
    """Split where a delta begins with the end of the previous one: `bo|ok`, `1|100`, `ha|ha`.

    A client that drops such overlaps as repetitions loses text here.
    """
    return _split_at(text, (found.end() for found in _BEFORE_REPEAT.finditer(text)))


def split_with_empty(text: str) -> Pieces:
    """Split into words with an empty delta between each two."""
    deltas = tuple(delta for word in split_words(text) for delta in (word, ""))
    return deltas[:-1]


def as_one_piece(text: str) -> Pieces:
    """Return the text as one delta; none if it is empty."""
    return (text,) if text else ()


def split_into_few(text: str) -> Pieces:
    """Split into at most four deltas of about the same length."""
    size = -(-len(text) // _MAX_FEW_PIECES)
    return _split_at(text, range(size, len(text), size)) if size else ()


def split_randomly(text: str, seed: str) -> Pieces:
    """Split into deltas of 1 to 7 characters. The same seed always splits a text in the same way."""
    source = Random(seed)  # noqa: S311 - deterministic, not for secrets
    positions = []
    at = source.randint(1, _LONGEST_RANDOM_PIECE)
    while at < len(text):
        positions.append(at)
        at += source.randint(1, _LONGEST_RANDOM_PIECE)
    return _split_at(text, positions)


_SHAPES: dict[str, Callable[[str], Pieces]] = {
    "words": split_words,
    "chars": tuple,
    "repeats": split_at_repeats,
    "empty": split_with_empty,
    "whole": as_one_piece,
    "few": split_into_few,
}
_RANDOM = "random:"


def is_shape(name: str) -> bool:
    """Return whether `split` supports this shape."""
    return name in _SHAPES or name.startswith(_RANDOM)


def split(text: str, shape: str) -> Pieces:
    """Split a text in the named shape: a name in `_SHAPES`, or `random:SEED`."""
    if shape.startswith(_RANDOM):
        return split_randomly(text, shape.removeprefix(_RANDOM))
    return _SHAPES[shape](text)


def _split_at(text: str, positions: Iterable[int]) -> Pieces:
    """Split at ascending positions; skip empty deltas."""
    deltas = []
    start = 0
    for position in (*positions, len(text)):
        if position > start:
            deltas.append(text[start:position])
            start = position
    return tuple(deltas)
