"""A service manager for live tests: it holds a listening socket, starts a daemon with it, and is notified by it."""

import os
import signal
import socket
import subprocess
import sys
import time

from tests.support.live_daemon import Daemon, DaemonSetup
from tests.support.notify_receiver import NotifyReceiver
from tests.support.processes import start, wait_until
from tests.support.provider_process import ROOT

# Moves the socket to descriptor 3 and becomes the daemon, as systemd does: the environment names this process.
_LAUNCH = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), WATCHDOG_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class ManagedDaemon(Daemon):
    """A daemon with a notify socket that serves an inherited socket, which outlives its processes.

    Attributes:
        notifications: what its processes sent.
        program: the words that start it, before its options.
    """

    def __init__(self, setup: DaemonSetup, family: int = socket.AF_INET, watchdog_seconds: float = 60) -> None:
        super().__init__(setup)
        self.notifications = NotifyReceiver()
        self.program = (*setup.launcher, "--nodaemon", "--pidfile=", "codexd")
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind(("127.0.0.1", 0) if family == socket.AF_INET else self.socket_path)
        self.socket.listen(1024)
        if family == socket.AF_INET:
            self.port = self.socket.getsockname()[1]
        self._watchdog_seconds = watchdog_seconds

    @property
    def socket_path(self) -> str:
        """The path of the socket, if its family is AF_UNIX; relative, because such paths must be short."""
        return os.path.relpath(self.folder / "http.sock")

    def start(self) -> "ManagedDaemon":
        """Start a process with the socket, without waiting until it is ready."""
        variables = {
            "NOTIFY_SOCKET": self.notifications.path,
            "WATCHDOG_USEC": str(int(self._watchdog_seconds * 1e6)),
            "LISTEN_FDS": "1",
            "LISTEN_FDNAMES": "http",
        }
        command = (sys.executable, "-c", _LAUNCH, str(self.socket.fileno()), *self.program)
        with (self.folder / "log").open("ab") as log:
            self._process = start(
                (*command, "--config", str(self.folder / "codexd.toml")),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment() | variables, cwd=ROOT,
                start_new_session=True, pass_fds=(self.socket.fileno(),),
            )  # fmt: skip
        return self

    def await_notified(self, name: str, times: int = 1) -> None:
        """Wait until its processes have sent an assignment this many times.

        Raises:
            AssertionError: with its log, if it ends before.
        """
        wait_until(lambda: len(self.notifications.find(name)) >= times or not self.running, f"{name}, {times} times")
        if len(self.notifications.find(name)) < times:
            raise AssertionError(f"it ended:\n{self.log}")

    def enforce_watchdog(self) -> int:
        """Wait until the watchdog was not fed in time, end the process as systemd does, and return its exit status."""
        wait_until(lambda: time.monotonic() - self._last_fed > self._watchdog_seconds, "the watchdog expires")
        return self.end(signal.SIGABRT)

    @property
    def _last_fed(self) -> float:
        return self.notifications.find("WATCHDOG")[-1].monotonic

    def discard(self) -> None:
        """Stop it if it runs, and close its sockets."""
        super().discard()
        self.socket.close()
        self.notifications.close()
