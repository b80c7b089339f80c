"""What `codexd account` prints: who is logged in, until when, and the limits of the account."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from codexd.account.child import AccountChild, AccountError
from codexd.backs import bindings as b
from codexd.backs.login_file import Login
from codexd.wire.json import Json


@frozen(kw_only=True)
class AccountReport:
    """The account of a home.

    Attributes:
        home: CODEX_HOME.
        login: the login in its file; None if there is none there.
        account: the account by Codex; None if it has none, or could not tell.
        problem: why Codex could not tell; None if it could.
        limits: the limits of a ChatGPT account; None if they are not known.
    """

    home: Path
    login: Login | None
    account: b.Account | None = None
    problem: str | None = None
    limits: b.RateLimits | None = None

    @property
    def is_logged_in(self) -> bool:
        """Whether Codex has an account; by its file if Codex could not ask OpenAI."""
        return self.account is not None or (self.problem is not None and self.login is not None)

    @property
    def is_expired(self) -> bool:
        """Whether there is a login that Codex cannot use any more: OpenAI refused to renew it."""
        return self.login is not None and not self.is_logged_in


def read_report(child: AccountChild, home: Path, login: Login | None) -> AccountReport:
    """Ask Codex for the account, and for its limits if it may have some."""
    account, problem = None, None
    try:
        account = b.structure(child.call(b.AccountRead()), b.AccountResult).account
    except (AccountError, b.UnexpectedShapeError) as error:
        problem = str(error)
    kind = account.type if account is not None else None if login is None else login.type
    return AccountReport(
        home=home, login=login, account=account, problem=problem, limits=_read_limits(child, kind == "chatgpt")
    )


def _read_limits(child: AccountChild, has_limits: bool) -> b.RateLimits | None:
    if not has_limits:
        return None
    try:
        return b.structure(child.call(b.RateLimitsRead()), b.RateLimitsResult).rateLimits
    except (AccountError, b.UnexpectedShapeError):
        return None


def mask_email(email: str) -> str:
    """Return an address with all but its first letter and its domain hidden."""
    name, at, domain = email.rpartition("@")
    return f"{name[:1]}***{at}{domain}"


def build_object(report: AccountReport, now: float, show_email: bool) -> dict[str, Json]:
    """Return the report as a JSON object."""
    account, login = report.account, report.login
    email = (account and account.email) or (login and login.email)
    expires_at = None if login is None else login.expires_at
    return {
        "home": str(report.home),
        "logged_in": report.is_logged_in,
        "expired": report.is_expired,
        "type": (account and account.type) or (login and login.type),
        "plan": (account and account.planType) or (login and login.plan),
        "email": email and (email if show_email else mask_email(email)),
        "expires_at": expires_at,
        "expires_in_seconds": None if expires_at is None else round(expires_at - now),
        "limits": None if report.limits is None else [_describe_window(one) for one in _windows(report.limits)],
        "problem": report.problem,
    }


def render_text(report: AccountReport, now: float, show_email: bool) -> str:
    """Return the report for a person."""
    return "".join(f"{name + ':':<13}{text}\n" for name, text in _lines(report, now, show_email))


def _lines(report: AccountReport, now: float, show_email: bool) -> Iterator[tuple[str, str]]:
    facts = build_object(report, now, show_email)
    yield "CODEX_HOME", str(report.home)
    if report.is_expired:
        yield "Account", "logged out: the login has expired and Codex could not renew it; run `codexd login`"
        return
    if not report.is_logged_in:
        yield "Account", "logged out; run `codexd login`"
        return
    parts = (facts["type"], f"plan {facts['plan']}" if facts["plan"] else None, facts["email"])
    yield "Account", ", ".join(str(part) for part in parts if part)
    if facts["expires_at"] is not None:
        yield "Token", f"{_describe_end(facts['expires_at'], now)}; Codex renews it while it is used"
    for window in () if report.limits is None else _windows(report.limits):
        resets = "" if window.resetsAt is None else f", resets at {_moment(window.resetsAt)}"
        yield "Limit", f"{_describe_minutes(window.windowDurationMins)}: {window.usedPercent} % used{resets}"
    if report.problem is not None:
        yield "Note", f"Codex could not ask OpenAI about the account ({report.problem}); this is from its file"


def _windows(limits: b.RateLimits) -> tuple[b.RateLimitWindow, ...]:
    return tuple(window for window in (limits.primary, limits.secondary) if window is not None)


def _describe_window(window: b.RateLimitWindow) -> Json:
    return {
        "window_minutes": window.windowDurationMins,
        "used_percent": window.usedPercent,
        "resets_at": window.resetsAt,
    }


def _describe_end(moment: float, now: float) -> str:
    left = moment - now
    return f"expired at {_moment(moment)}" if left <= 0 else f"valid until {_moment(moment)} ({_duration(left)})"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _describe_minutes(minutes: int | None) -> str:
    return "window" if minutes is None else _duration(minutes * 60)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{seconds // size:g} {unit}"
    return f"{seconds:.0f} s"
