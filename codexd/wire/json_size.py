"""Counts the values of a JSON text before it is parsed: each of them takes memory and time, however short it is.

Every value but the first follows a comma or an opening bracket. Those in strings are not counted; for most texts
the cheap count of all of them suffices. It takes linear time, in steps of C code that are short.
"""

from typing import Final

_SLICE_BYTES: Final = 2**18


def count_openings(data: bytes) -> int:
    """Return the number of opening brackets and braces, also of those in strings: nothing nests deeper than that."""
    return data.count(b"[") + data.count(b"{")


def count_marks(data: bytes) -> int:
    """Return the number of commas and openings, also of those in strings: no text has many more values than that."""
    return data.count(b",") + count_openings(data)


def has_more_values(data: bytes, limit: int) -> bool:
    """Return whether a JSON text has more than `limit` values; names of members do not count."""
    if count_marks(data) <= limit:
        return False
    found, in_string, held = 0, False, b""
    for at in range(0, len(data), _SLICE_BYTES):
        piece, held = _cut_escape(held + data[at : at + _SLICE_BYTES])
        pieces = _drop_escapes(piece).split(b'"')
        found += count_marks(b" ".join(pieces[in_string::2]))
        in_string ^= len(pieces) % 2 == 0
        if found > limit:
            return True
    return False


def _cut_escape(piece: bytes) -> tuple[bytes, bytes]:
    """Return a piece without the backslash at its end that escapes the next character, and that backslash."""
    backslashes = len(piece) - len(piece.rstrip(b"\\"))
    return (piece[:-1], piece[-1:]) if backslashes % 2 else (piece, b"")


def _drop_escapes(piece: bytes) -> bytes:
    return piece.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in piece else piece
