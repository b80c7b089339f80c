"""The tables of the back ends and of the Codex processes, in plain words."""

from collections.abc import Iterable, Mapping
from typing import Final

from twisted.web.template import Tag

from codexd.neutral.login_state import LoginState
from codexd.page.amounts import duration, number, size
from codexd.page.html import Content, element, section, table
from codexd.policy.status import BackendStatus, WorkerStatus

_WAITING: Final = "waits {} before the next start"
_STATES: Final[Mapping[str, str]] = {
    "Up": "runs",
    "Starting": "is starting",
    "Killing": "is being killed",
    "BackingOff": _WAITING,
    "Down": f"too many restarts: {_WAITING}",
    "Stopping": "is stopping",
    "Stopped": "is stopped",
}
"""The states of a worker in words."""


def backends_section(backends: Iterable[BackendStatus], unix_time: float) -> Tag:
    """Build the section with the table of back ends; the time is now, for the ends of logins."""
    heads = ("Back end", "Ready", "Models", "Running", "Suspended", "Waiting", "Provider", "Account")
    rows: list[list[Content]] = [
        [
            one.name,
            _mark("yes" if one.is_ready else "no", one.is_ready),
            number(one.models),
            number(one.running),
            number(one.suspended),
            number(one.queued),
            _circuit(one),
            _account(one, unix_time),
        ]
        for one in backends
    ]
    return section("Back ends", "backends", table("Back ends", heads, rows, (2, 3, 4, 5)))


def login_hint(backends: Iterable[BackendStatus]) -> Tag | None:
    """Say that the scripted model answers because there is no login, if that is so."""
    if not any(one.lacks_login for one in backends):
        return None
    return element(
        "p",
        _mark("Codex is not logged in: the scripted model answers.", False),
        " Log in with ",
        element("code", "codexd login"),
        ", and restart codexd.",
    )


def _circuit(backend: BackendStatus) -> Tag:
    if backend.circuit_is_open:
        return _mark("requests are refused until it answers", False)
    if backend.own_circuits:
        keys = ", ".join(backend.own_circuits)
        return element("span", f"requests of {keys} are refused until it answers", class_="bad prose")
    return _mark("reachable", True)


def _account(backend: BackendStatus, unix_time: float) -> Content:
    if backend.lacks_login:
        return _mark("not logged in", False)
    state = backend.account
    if state is None:
        return "-"
    if state.type is None:
        return [_mark("logged out", False), ": run ", element("code", "codexd login")]
    return _describe_login(state, unix_time)


def _describe_login(state: LoginState, unix_time: float) -> Content:
    name = f"{state.type} ({state.plan})" if state.plan else state.type
    if state.expires_at is None:
        return name
    left = state.expires_at - unix_time
    if left <= 0:
        return [f"{name}, ", _mark("its token has expired", False)]
    return f"{name}, its token expires in {duration(left)}"


def _mark(text: str, is_good: bool) -> Tag:
    return element("span", text, class_="good" if is_good else "bad")


def workers_section(workers: Iterable[WorkerStatus]) -> Tag:
    """Build the section with the table of Codex processes."""
    rows = [_worker_row(one) for one in workers]
    if not rows:
        return section("Codex processes", "workers", element("p", "Codex does not run; the upstreams answer."))
    heads = (
        "Worker",
        "State",
        "Process",
        "Age",
        "Turns running",
        "Turns begun",
        "Memory",
        "Restarts",
        "Hangs",
        "Last exit",
    )
    return section("Codex processes", "workers", table("Codex processes", heads, rows, range(2, 9)))


def _worker_row(worker: WorkerStatus) -> list[Content]:
    return [
        worker.name,
        _mark(describe_state(worker), worker.state == "Up"),
        "-" if worker.pid is None else str(worker.pid),
        duration(worker.up_seconds) if worker.up_seconds else "-",
        number(worker.running_turns),
        number(worker.turns),
        size(worker.resident_bytes) if worker.resident_bytes else "-",
        number(worker.restarts),
        number(worker.hangs),
        element("span", worker.last_exit or "none", class_="prose" if worker.last_exit else None),
    ]


def describe_state(worker: WorkerStatus) -> str:
    """Return the state of a worker in plain words."""
    return _STATES[worker.state].format(duration(worker.next_start_seconds))
