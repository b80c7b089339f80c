"""Runs shell commands one after the other, like a terminal: variables and the directory carry over."""

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

from tests.support.http_client import request
from tests.support.processes import start, wait_until

_READY = 200

_SCRIPT = """\
set -eua -o pipefail
cd "$1"
trap 'status=$?; pwd > "$2"; env -0 >> "$2"; exit $status' EXIT
"""


class Shell:
    """The terminal of one page.

    Args:
        project: the directory in which it begins.
        environment: its variables.
        port: the port on which daemons that are started become ready.
    """

    TIMEOUT_SECONDS = 60.0
    """The longest time that a block may take; it allows for a loaded machine."""

    def __init__(self, project: Path, environment: dict[str, str], port: int) -> None:
        self.project = project
        self.environment = environment
        self._directory = project
        self._port = port
        self._daemon: subprocess.Popen[bytes] | None = None

    def run(self, code: str, status: int | None = 0, merged: bool = False) -> str:
        """Run commands, and return their standard output.

        Args:
            code: the commands.
            status: the exit status that they must have; None for any.
            merged: their standard error belongs to the output, too.

        Raises:
            AssertionError: if they have another status.
        """
        after = self.project.parent / "after"
        errors = subprocess.STDOUT if merged else subprocess.PIPE
        done = subprocess.run(
            ("bash", "-c", _SCRIPT + code, "bash", str(self._directory), str(after)), check=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=self.environment, errors="replace",
            timeout=self.TIMEOUT_SECONDS,
        )  # fmt: skip
        if status is not None and done.returncode != status:
            raise AssertionError(f"exit status {done.returncode}, not {status}:\n{done.stdout}{done.stderr or ''}")
        self._carry_over(after)
        return done.stdout

    def _carry_over(self, after: Path) -> None:
        """Continue with the directory and the variables with which commands ended."""
        directory, _, variables = after.read_text(errors="surrogateescape").partition("\n")
        self._directory = Path(directory)
        self.environment = dict(one.split("=", 1) for one in variables.split("\0") if "=" in one)

    # Daemons.

    def start_daemon(self, code: str) -> None:
        """Run commands of which each ends or is a daemon; a daemon that runs is stopped before the next one.

        Raises:
            AssertionError: if a command fails, or the last one is no daemon that becomes ready.
        """
        for command in code.replace("\\\n", " ").splitlines():
            if command.strip() and not command.startswith("#"):
                self.stop_daemon()
                self._start(command)
        assert self._daemon is not None, "the block is marked `daemon`, but its last command has ended"

    def _start(self, command: str) -> None:
        words = shlex.split(command, comments=True)
        if words[0] in ("export", "cd"):
            self.run(command)
            return
        log = self.project.parent / "daemon.log"
        with log.open("wb") as output:
            self._daemon = daemon = start(
                ("bash", "-c", f"set -eu; {command}"), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=self.environment | self._choose_address(words), cwd=self._directory, start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: daemon.poll() is not None or self._is_ready(), f"`{command}` is ready", self.TIMEOUT_SECONDS)
        if daemon.poll() is not None:
            self._daemon = None
        if daemon.returncode:
            raise AssertionError(f"`{command}` failed:\n{log.read_text(errors='replace')}")

    def _choose_address(self, words: list[str]) -> dict[str, str]:
        """Return the variable with the page's port, unless the command or a file that it names has the port."""
        names = (name for word in words for name in re.split(r"[\s=]", word) if name)
        files = (path.read_text(errors="replace") for name in names if (path := self._directory / name).is_file())
        if any(str(self._port) in text for text in (*words, *files)):
            return {}
        return {"CODEXD_LISTEN": f"tcp:{self._port}:interface=127.0.0.1"}

    def _is_ready(self) -> bool:
        try:
            return request(self._port, "GET", "/readyz").status == _READY
        except OSError:
            return False

    def stop_daemon(self) -> None:
        """Stop the daemon that runs, if any, as Ctrl-C does.

        Raises:
            AssertionError: if it ends with an error.
        """
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        if daemon.poll() is None:
            os.killpg(daemon.pid, signal.SIGINT)
        try:
            status = daemon.wait(self.TIMEOUT_SECONDS)
        finally:
            if daemon.poll() is None:
                os.killpg(daemon.pid, signal.SIGKILL)
        assert status in (0, -signal.SIGINT, 128 + signal.SIGINT), f"the daemon ended with status {status}"
