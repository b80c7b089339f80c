"""Starts processes, inspects them through /proc (Linux), and waits for conditions."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 60.0
"""The longest wait for anything, in seconds; it allows for a loaded machine."""

_PR_SET_PDEATHSIG = 1  # prctl(2)


def wait_until(condition: Callable[[], Any], what: str, seconds: float = TIMEOUT_SECONDS) -> float:
    """Wait until a condition holds and return how many seconds that took.

    Raises:
        AssertionError: with `what`, if the condition does not hold in time.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)
    return time.monotonic() - began


def start(command: Sequence[str], **how: Any) -> "subprocess.Popen[bytes]":
    """Start a process (as subprocess.Popen) that is killed when this one ends, for whatever reason."""
    return subprocess.Popen(command, preexec_fn=_die_with_parent, **how)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A background job of a shell ignores SIGINT; the daemons under test must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(pid: int) -> list[int]:
    """Return the pids of the running child processes of all threads of a process."""
    found: list[str] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += thread.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return [int(child) for child in found if is_running(int(child))]


def descendants(pid: int) -> list[int]:
    """Return the pids of all running descendants of a process."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


def resident_bytes(pid: int) -> int:
    """Return the resident set size of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
