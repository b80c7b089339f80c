"""The size in memory of a turn that waits."""

from typing import Any, Final

_OBJECT_BYTES: Final = 64
"""About what an object takes beside its text."""


def turn_size_bytes(turn: Any) -> int:
    """Return about how much memory a turn takes: the text of all its fields, and its objects.

    Args:
        turn: a Turn, or any value of it.
    """
    total = 0
    left = [turn]
    while left:
        value = left.pop()
        total += _OBJECT_BYTES
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, tuple):
            left.extend(value)
        else:
            left.extend(getattr(value, field.name) for field in getattr(type(value), "__attrs_attrs__", ()))
    return total
