"""Watches the login of Codex in one CODEX_HOME: its expiry, its changes, and turns that fail because of it."""

from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from codexd.backs.login_file import Login
from codexd.neutral.login_state import LoginState
from codexd.observe.metrics import Metrics
from codexd.policy.login_expiry import find_due_warning

CHECK_SECONDS: Final = 15.0
"""Interval of the reads of the file, which is small."""

REPEAT_SECONDS: Final = 300.0
"""How long no further turn that fails because of the login is reported."""

LOGIN_FAULTS: Final = frozenset(("credentials_rejected", "login_expired"))
"""The kinds of faults by which a provider rejects the login."""


class LoginWatch(Service):
    """Reads the login regularly. Codex itself renews its token, which changes nothing else.

    Args:
        backend: the name of the back end that uses the home.
        read: returns the login; None if there is none.
        clock: provides IReactorTime.
        now: returns Unix time in seconds.
        metrics: has gauges for it.
        on_changed: called when the login of another account, or another key, has replaced the one before.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        backend: str,
        read: Callable[[], Login | None],
        clock: Any,
        now: Callable[[], float],
        metrics: Metrics,
        on_changed: Callable[[], object],
    ) -> None:
        self._backend = backend
        self._read = read
        self._clock = clock
        self._now = now
        self._on_changed = on_changed
        self._login = read()
        self._seen_at = now()
        self._warned: int | None = None
        self._reported_at: float | None = None
        self._loop = LoopingCall(self.check)
        self._loop.clock = clock
        metrics.watch_login(backend, lambda: self._login is not None, self._expires_in)

    @property
    def state(self) -> LoginState:
        """The login as it was last read."""
        login = self._login
        if login is None:
            return LoginState()
        return LoginState(type=login.type, plan=login.plan, expires_at=login.expires_at)

    def startService(self) -> None:
        """Start to read the login."""
        super().startService()
        self._loop.start(CHECK_SECONDS)

    def stopService(self) -> "Deferred[None]":
        """Stop to read it."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        return succeed(None)

    def check(self) -> None:
        """Read the login, and report what has changed or ends soon."""
        before = self._login
        self.note()
        if self._identity(before) != self._identity(self._login):
            self._report_change()
        self._warn_of_end()

    def note(self) -> None:
        """Read the login without reporting a change: the processes are replaced anyhow."""
        before, self._login = self._login, self._read()
        if self._login is None or before is None or self._login.expires_at != before.expires_at:
            self._seen_at, self._warned = self._now(), None

    def turn_failed(self, kind: str) -> None:
        """Report a turn that failed, if the login was the reason."""
        now = self._clock.seconds()
        recently = self._reported_at is not None and now - self._reported_at < REPEAT_SECONDS
        if kind not in LOGIN_FAULTS or recently:
            return
        self._reported_at = now
        self._log.warn(
            "{backend}: OpenAI rejects the login of Codex ({kind}); log in again with `codexd login`",
            event="login_rejected",
            backend=self._backend,
            kind=kind,
        )

    def _report_change(self) -> None:
        if self._login is None:
            self._log.warn(
                "{backend}: Codex is logged out; log in with `codexd login`", event="logged_out", backend=self._backend
            )
            return
        self._log.info(
            "{backend}: Codex has another login ({type}); its processes are replaced",
            event="login_changed",
            backend=self._backend,
            type=self._login.type,
        )
        self._on_changed()

    def _warn_of_end(self) -> None:
        if self._login is None or self._login.expires_at is None:
            return
        due = find_due_warning(self._seen_at, self._login.expires_at, self._now())
        if due is None or (self._warned is not None and due >= self._warned):
            return
        self._warned = due
        self._log.warn(
            "{backend}: the access token of Codex's login {ends}. Codex renews it with the next requests; if they "
            "fail, log in again with `codexd login`",
            event="login_expires",
            backend=self._backend,
            ends=f"expires within {due // 3600} h" if due else "has expired",
        )

    def _expires_in(self) -> float:
        expires_at = None if self._login is None else self._login.expires_at
        return float("nan") if expires_at is None else expires_at - self._now()

    @staticmethod
    def _identity(login: Login | None) -> str | None:
        return None if login is None else login.identity
