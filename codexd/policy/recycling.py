"""When to recycle a Codex process: replace it by a new one although it works."""

from typing import Final, Literal

from codexd.neutral.records import frozen

RecycleReason = Literal["age", "turns", "memory", "request"]
"""Why a process is recycled; `request` is an administrator's."""

NEVER: Final = 0
"""The value of a limit that is not set."""


@frozen
class RecycleLimits:
    """The limits of one process; each may be NEVER.

    Attributes:
        after_seconds: how long it may run.
        after_turns: how many turns it may begin.
        above_bytes: its largest resident memory.
    """

    after_seconds: float = NEVER
    after_turns: int = NEVER
    above_bytes: int = NEVER


def find_recycle_reason(
    limits: RecycleLimits, up_seconds: float, turns: int, resident_bytes: int
) -> RecycleReason | None:
    """Return the limit that a process has reached, None if there is none."""
    if NEVER < limits.above_bytes < resident_bytes:
        return "memory"
    if NEVER < limits.after_turns <= turns:
        return "turns"
    if NEVER < limits.after_seconds <= up_seconds:
        return "age"
    return None
