"""Processes to measure, and what they used, as Linux tells it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_SCHEDULER = 2  # which of a process's clocks (clock_getcpuclockid(3)): the one in nanoseconds
_PAGE = os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """Find a loopback port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """Give the CPU time a process has used, its own and the kernel's for it, by its clock."""
    return time.clock_gettime(~pid << 3 | _SCHEDULER)


def resident_bytes(pid: int) -> int:
    """Give a process's resident set."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def children(pid: int) -> list[int]:
    """List a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def running(*command: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command meanwhile."""
    log = ROOT / "build" / "bench.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=ROOT, env=os.environ | (env or {})
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def scripted() -> Iterator[str]:
    """Run the scripted model in a process of its own; give its base URL."""
    port = free_port()
    with running(sys.executable, "-m", "codexd.scripted", "--port", str(port)):
        _await(port, "/v1/models")
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def served(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """Run a server of the bench's own, whose first argument is its port; give its process id and port."""
    port = free_port()
    with running(sys.executable, "-m", module, str(port), *arguments) as process:
        _await(port, "/v1/models")
        yield process.pid, port


@contextmanager
def daemon(state: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Run codexd with its state in `state`; give its process id and its port."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=", "codexd",
        "--listen", f"tcp:{port}:interface=127.0.0.1", *options,
    ]  # fmt: skip
    with running(*command, env={"XDG_STATE_HOME": str(state), "CODEXD_LOG_LEVEL": "warn"}) as process:
        _await(port, "/readyz")
        yield process.pid, port


def _await(port: int, path: str) -> None:
    for _ in range(300):
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nothing answers {path}; see build/bench.log")
