"""Runs the scenarios of one client against a daemon and judges what the client has received."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from codexd.wire import json
from tests.clients.catalogue import SCENARIOS, Client, Scenario
from tests.clients.install import FOLDER, NotInstallableError, environment, install
from tests.support.live_daemon import Daemon

_SECONDS: Final = 120
_CANCEL_SECONDS: Final = 10
_RESULT: Final = "RESULT "
_CANCELLED: Final = "CANCELLED"


@frozen
class Outcome:
    """What one scenario of one client gave.

    Attributes:
        passed: None if it was not run.
        why: what went wrong, or why it was not run.
    """

    passed: bool | None
    why: str = ""


def run_client(client: Client, daemon: Daemon) -> dict[Scenario, Outcome]:
    """Run all scenarios of a client."""
    try:
        command = install(client)
    except (NotInstallableError, subprocess.TimeoutExpired) as error:
        return dict.fromkeys(SCENARIOS, Outcome(None, f"not installable: {error}"))
    without = dict(client.without)
    return {
        scenario: Outcome(None, without[scenario])
        if scenario in without
        else _run_scenario(client, command, scenario, daemon)
        for scenario in SCENARIOS
    }


def _run_scenario(client: Client, command: tuple[str, ...], scenario: Scenario, daemon: Daemon) -> Outcome:
    work = FOLDER / client.slug / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    process = subprocess.Popen(
        (*command, scenario),
        env=environment(client, daemon.url, daemon.model, work),
        cwd=work,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = threading.Timer(_SECONDS, process.kill)
    deadline.start()
    try:
        result, cancelled = _read(process, daemon)
    finally:
        deadline.cancel()
        process.kill()
        process.communicate()
    return judge(scenario, result, cancelled)


def _read(process: "subprocess.Popen[str]", daemon: Daemon) -> tuple[dict[str, Any], bool]:
    """Read a driver's output; once it has cancelled, look at the daemon before the driver ends."""
    assert process.stdout is not None
    assert process.stdin is not None
    cancelled = False
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(_RESULT):
            return json.decode(line.removeprefix(_RESULT).encode()), cancelled
        if line.strip() == _CANCELLED:
            cancelled = _is_idle(daemon)
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.stderr is not None
    return {"error": "no result: " + (process.stderr.read() or "".join(lines))[-300:]}, cancelled


def _is_idle(daemon: Daemon) -> bool:
    """Wait until the daemon runs no request; False if it still does after some seconds."""
    end = time.monotonic() + _CANCEL_SECONDS
    while daemon.metric("codexd_requests_running") and time.monotonic() < end:
        time.sleep(0.05)
    return not daemon.metric("codexd_requests_running")


def judge(scenario: Scenario, result: dict[str, Any], cancelled: bool) -> Outcome:
    """Judge the result that a driver printed.

    Args:
        scenario: what was run.
        result: what the driver printed.
        cancelled: the daemon ran no request once the client had cancelled.
    """
    try:
        if scenario != "error" and "error" in result:
            return Outcome(False, str(result["error"])[-300:])
        _JUDGES[scenario](result, cancelled)
    except (AssertionError, KeyError) as error:
        return Outcome(False, f"{error} in {str(result)[-400:]}")
    return Outcome(True)


def _chat(result: dict[str, Any], cancelled: bool) -> None:
    assert "hello from codexd" in result["text"], "another text"


def _stream(result: dict[str, Any], cancelled: bool) -> None:
    assert len(result["pieces"]) > 5, "one piece"
    text = "".join("".join(result["pieces"]).split())
    assert "word1word2" in text, "the beginning is missing"
    assert "word40" in text, "the end is missing"


def _tools(result: dict[str, Any], cancelled: bool) -> None:
    assert "4 degrees in Oslo" in result["text"], "the result of the call is missing"


def _turns(result: dict[str, Any], cancelled: bool) -> None:
    first, second = result["texts"]
    assert "first" in first, "another first answer"
    assert "second" in second, "another second answer"


def _error(result: dict[str, Any], cancelled: bool) -> None:
    assert "error" in result, "no error"
    assert "no result" not in str(result["error"]), "the driver failed"
    words = " ".join(str(result["error"]).split())
    assert "requested status 400" in words, "the provider's words are missing"


def _cancel(result: dict[str, Any], cancelled: bool) -> None:
    assert cancelled, "not cancelled"


_JUDGES: Final[dict[Scenario, Callable[[dict[str, Any], bool], None]]] = {
    "chat": _chat,
    "stream": _stream,
    "tools": _tools,
    "turns": _turns,
    "error": _error,
    "cancel": _cancel,
}
