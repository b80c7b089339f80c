"""Shared by the Python drivers, which run in an environment of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

URL = os.environ["CODEXD_URL"]
MODEL = os.environ["CODEXD_MODEL"]
FOLDER = os.environ["CLIENT_FOLDER"]
KEY = "sk-none"

CHAT = "say: hello from codexd"
STREAM = "long: 40"
TOOLS = 'call: weather {"city": "Oslo"}'
WEATHER = "4 degrees in "
TURNS = ("say: first", "say: second")
ERROR = "fail: 400"
CANCEL = "stall: beginning"


def await_check() -> dict[str, object]:
    """Report that the client has cancelled, and stay alive until the runner has looked at the daemon."""
    print("CANCELLED", flush=True)
    sys.stdin.readline()
    return {}


def run_program(*command: str, **environ: str) -> str:
    """Run a command-line client to its end and return its standard output.

    Raises:
        RuntimeError: when it fails, with its output.
    """
    run = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environ(environ), cwd=FOLDER
    )
    if run.returncode:
        raise RuntimeError(run.stdout + run.stderr)
    return run.stdout


def interrupt_program(*command: str, seconds: float = 20, text: str = "beginning", **environ: str) -> dict[str, object]:
    """Start a command-line client, press Ctrl-C once it shows the text, and wait until it has ended."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environ(environ),
        cwd=FOLDER,
        preexec_fn=_accept_interrupts,
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    seen, end = b"", time.monotonic() + seconds
    while text.encode() not in seen and time.monotonic() < end:
        seen += process.stdout.read() or b""
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return await_check()


def _accept_interrupts() -> None:
    """Undo that a shell ignores interrupts for the programs that it runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _environ(more: dict[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": FOLDER, "NO_COLOR": "1", "TERM": "dumb"} | more


def main(**scenarios: Callable[[], dict[str, object]]) -> None:
    """Run the scenario that the command line names and print its result."""
    name = sys.argv[1]
    try:
        result = scenarios[name]() or {}
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    print("RESULT " + json.dumps(result), flush=True)
    os._exit(0)  # some packages wait for threads of theirs
