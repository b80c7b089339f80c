"""What a process does (Linux `/proc/PID/task/*/stat`), in the letters of ps(1) and in words."""

from pathlib import Path
from typing import Final

STATES: Final = {
    "T": "stopped by a signal",
    "t": "stopped by a debugger",
    "D": "waits for a disk",
    "R": "runs",
    "S": "sleeps",
    "Z": "has exited",
}
"""The states, the most telling ones first: a process has the first one that any of its threads has."""

UNKNOWN: Final = "unknown"

_PROC: Final = Path("/proc")


def describe_state(pid: int | None) -> str:
    """Return the state of a process, such as `T: stopped by a signal`; `unknown` if it cannot be read."""
    if pid is None:
        return UNKNOWN
    threads = {_read_state(stat) for stat in (_PROC / str(pid) / "task").glob("*/stat")}
    return next((f"{state}: {words}" for state, words in STATES.items() if state in threads), UNKNOWN)


def _read_state(stat: Path) -> str:
    try:
        # The name, in parentheses, may contain anything.
        return stat.read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # the thread has ended
        return ""
