"""Ends what Codex leaves behind: processes whose parents ended before them.

Codex kills the program that supervises the sandbox of an agent's command when a turn is interrupted. If it is killed
while it sets the sandbox up, the command goes on, with process 1 as its parent, and would outlive the daemon (measured
with 0.163). The daemon is therefore the "subreaper" of its descendants (prctl(2), PR_SET_CHILD_SUBREAPER): it becomes
the parent of such a process. Without Linux nothing of this happens.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet import process
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

SWEEP_SECONDS: Final = 5.0
"""How often orphans are looked for."""

_END_SECONDS: Final = 0.05
_END_ROUNDS: Final = 40
_PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
_PROC: Final = Path("/proc")


class OrphanReaper:
    """Kills the orphans among the descendants of this process, and reaps them.

    While the daemon runs, only commands of agents are killed, which are in PID namespaces of their own: what else runs
    on, such as a program that an MCP server has started, may be meant to. When it stops, every orphan is. Children that
    the process had before `start` are left alone.

    Args:
        reactor: provides IReactorTime; what it starts is no orphan.
        on_killed: called for each orphan that is killed.
    """

    _log = Logger()

    def __init__(self, reactor: Any, on_killed: Callable[[], object]) -> None:
        self._reactor = reactor
        self._on_killed = on_killed
        self._foreign: frozenset[int] = frozenset()
        self._loop = LoopingCall(self.sweep)
        self._loop.clock = reactor

    def start(self) -> None:
        """Adopt orphans from now on, and look for them."""
        if sys.platform != "linux":
            return
        self._foreign = frozenset(_children())
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._loop.start(SWEEP_SECONDS, now=False)

    def sweep(self, everything: bool = False) -> int:
        """Kill orphans and reap those that have ended; return how many are left."""
        left = 0
        for pid in _children():
            if pid in self._foreign or pid in process.reapProcessHandlers or _reap(pid):
                continue
            if everything or _is_contained(pid):
                self._kill(pid)
            left += 1
        return left

    def _kill(self, pid: int) -> None:
        # A child that is not reaped keeps its pid, so this is no other process.
        with suppress(PermissionError):
            os.kill(pid, signal.SIGKILL)
            self._log.warn(
                "Killed process {pid}, which a Codex process had left behind", event="orphan_killed", pid=pid
            )
            self._on_killed()

    async def end(self) -> None:
        """Kill every orphan, and those of orphans; for use when the Codex processes have exited."""
        if not self._loop.running:
            return
        self._loop.stop()
        for _ in range(_END_ROUNDS):
            if not self.sweep(everything=True):
                return
            await deferLater(self._reactor, _END_SECONDS, lambda: None)


def _children() -> Iterator[int]:
    """Return the pids of the children of all threads of this process."""
    for thread in (_PROC / "self" / "task").glob("*/children"):
        try:
            yield from map(int, thread.read_text().split())
        except OSError:  # the thread has ended
            continue


def _reap(pid: int) -> bool:
    """Return whether a child has ended, and forget it then."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _is_contained(pid: int) -> bool:
    """Return whether a process is in a PID namespace below that of this process (proc_pid_status(5), NSpid)."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return False
    return any(line.startswith("NSpid:") and len(line.split()) > len(_own_pids()) + 1 for line in status.splitlines())


def _own_pids() -> list[str]:
    """Return the pids of this process, one for each PID namespace that /proc shows."""
    lines = (_PROC / "self" / "status").read_text().splitlines()
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [""])
