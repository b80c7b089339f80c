"""What a test does with processes and sees of them from outside (Linux /proc), and how it waits for that."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0
"""How long anything may take on a loaded machine before it counts as never."""

_PR_SET_PDEATHSIG = 1  # prctl(2)


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait for something; give how many seconds it took.

    Raises:
        AssertionError: naming `what`, when it does not come to pass.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)
    return time.monotonic() - began


def start(command: Sequence[str], **how: Any) -> "subprocess.Popen[bytes]":
    """Start a process that is killed when this one ends, however it does (as subprocess.Popen)."""
    return subprocess.Popen(command, preexec_fn=_die_with_parent, **how)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A shell's background job is born deaf to Ctrl-C; a daemon of ours is not to be.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def runs(pid: int) -> bool:
    """Tell whether a process is there and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(pid: int) -> list[int]:
    """List the processes that a process started and that run; each of its threads has its own."""
    found: list[str] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += thread.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return [int(child) for child in found if runs(int(child))]


def descendants(pid: int) -> list[int]:
    """List its children, theirs, and so on."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


def resident_bytes(pid: int) -> int:
    """Give a process's resident set."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
