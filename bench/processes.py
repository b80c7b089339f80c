"""Start processes and read their CPU time and memory (Linux)."""

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
_SCHEDULER = 2  # clock_getcpuclockid(3): the process clock in nanoseconds
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system, from its CPU clock."""
    return time.clock_gettime(~pid << 3 | _SCHEDULER)


def resident_bytes(pid: int) -> int:
    """Return the resident set size of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def child_pids(pid: int) -> list[int]:
    """Return the process ids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def run_command(
    *command: str, env: dict[str, str] | None = None, open_files: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the context is active, with this limit of open files if it is given."""
    if open_files:
        command = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(open_files), *command)
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
def run_scripted_model() -> Iterator[str]:
    """Run the scripted model in its own process; yield its base URL."""
    port = free_port()
    with run_command(sys.executable, "-m", "codexd.scripted", "--port", str(port)):
        _wait_until_ready(port, "/v1/models")
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def run_server(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """Run a benchmark server, whose first argument is its port; yield its process id and port."""
    port = free_port()
    with run_command(sys.executable, "-m", module, str(port), *arguments) as process:
        _wait_until_ready(port, "/v1/models")
        yield process.pid, port


@contextmanager
def run_daemon(state: Path, *options: str, open_files: int = 0) -> Iterator[tuple[int, int]]:
    """Run codexd with its state in `state`; yield its process id and port."""
    with _run_twistd(state, [str(Path(sys.executable).with_name("twistd"))], options, open_files) as found:
        yield found


@contextmanager
def run_probed_daemon(state: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Run codexd with a probe in its reactor (`bench.probe`); yield its port and that of the probe."""
    probe_port = free_port()
    with _run_twistd(state, [sys.executable, "-m", "bench.probe", str(probe_port)], options) as (_, port):
        yield port, probe_port


@contextmanager
def _run_twistd(
    state: Path, twistd: list[str], options: tuple[str, ...], open_files: int = 0
) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [
        *twistd, "--nodaemon", "--pidfile=", "codexd", "--listen", f"tcp:{port}:interface=127.0.0.1", *options,
    ]  # fmt: skip
    environment = {"XDG_STATE_HOME": str(state), "CODEXD_LOG_LEVEL": "warn"}
    with run_command(*command, env=environment, open_files=open_files) as process:
        _wait_until_ready(port, "/readyz")
        yield process.pid, port


def _wait_until_ready(port: int, path: str) -> None:
    for _ in range(300):
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"no response from {path}; see build/bench.log")
