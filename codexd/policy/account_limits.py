"""The limits of the Codex account: windows of its plan, of which a part is used, and when they reset.

Codex reports percentages and times, no numbers of requests or tokens; so nothing else is shown. Times are Unix seconds.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

from attrs import define, evolve

from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.policy.key_meter import Headers, format_seconds

WindowName = Literal["primary", "secondary"]
WINDOWS: Final[tuple[WindowName, ...]] = ("primary", "secondary")

PLAN_ACCOUNT: Final = "chatgpt"
"""The kind of an account with a plan; others have no limits that Codex reports."""

_LIMITED: Final = frozenset(("rate_limited", "quota_exhausted"))
"""Failures that a used-up window can have caused."""


@frozen(kw_only=True)
class LimitWindow:
    """One window.

    Attributes:
        used_percent: how much of it is used, in percent; it can be more than 100.
        minutes: its length; None if it is not known.
        resets_at: when it begins anew; None if it is not known.
    """

    used_percent: int
    minutes: int | None = None
    resets_at: int | None = None


@frozen(kw_only=True)
class AccountLimits:
    """What was reported of the limits; None is not known, or not changed in an update.

    Attributes:
        plan: the plan of the account.
        primary: the short window.
        secondary: the long window.
        reached: the kind of limit that is reached; None if none is.
    """

    plan: str | None = None
    primary: LimitWindow | None = None
    secondary: LimitWindow | None = None
    reached: str | None = None

    @property
    def windows(self) -> tuple[tuple[WindowName, LimitWindow], ...]:
        """The windows that are known, by name."""
        return tuple((name, window) for name in WINDOWS if (window := getattr(self, name)) is not None)


@frozen(kw_only=True)
class AccountTokens:
    """The tokens that the account has used, in codexd and elsewhere; None is not known.

    Attributes:
        lifetime: all tokens so far.
        days: the tokens of days, by the date of their beginning.
    """

    lifetime: int | None = None
    days: tuple[tuple[str, int], ...] = ()


@define(eq=False, kw_only=True)
class AccountState:
    """What is known of the account.

    Attributes:
        unix_time: returns Unix time in seconds.
        kind: the kind of the account, such as `chatgpt` or `apiKey`; None if there is none, or it is not known.
        limits: its limits; None if none were reported.
        tokens: what it has used; None if that is not known.
        updated_at: when the limits were reported last.
    """

    unix_time: Callable[[], float]
    kind: str | None = None
    limits: AccountLimits | None = None
    tokens: AccountTokens | None = None
    updated_at: float | None = None

    def update(self, reported: AccountLimits) -> None:
        """Set what was reported; what an update does not contain stays. A report without anything is none."""
        if reported == AccountLimits():
            return
        known = self.limits or AccountLimits()
        self.limits = AccountLimits(
            plan=reported.plan or known.plan,
            primary=reported.primary or known.primary,
            secondary=reported.secondary or known.secondary,
            reached=reported.reached,
        )
        self.updated_at = self.unix_time()

    def current_windows(self) -> tuple[tuple[WindowName, LimitWindow], ...]:
        """Return the windows by name; one whose reset has passed is unused, and its next reset is not known."""
        if self.limits is None:
            return ()
        now = self.unix_time()
        return tuple(
            (name, evolve(window, used_percent=0, resets_at=None) if _is_over(window, now) else window)
            for name, window in self.limits.windows
        )

    def used_ratio(self, name: WindowName) -> float:
        """Return the used part of a window; nan if it is not known."""
        window = dict(self.current_windows()).get(name)
        return float("nan") if window is None else window.used_percent / 100

    def resets_at(self, name: WindowName) -> float:
        """Return when a window resets; nan if that is not known."""
        window = dict(self.current_windows()).get(name)
        return float("nan") if window is None or window.resets_at is None else float(window.resets_at)

    def headers(self) -> Headers:
        """Return headers of the windows: `x-ratelimit-remaining-primary: 58%`, `x-ratelimit-reset-primary: 3h0m0s`."""
        return tuple(header for name, window in self.current_windows() for header in self._headers(name, window))

    def _headers(self, name: WindowName, window: LimitWindow) -> Headers:
        suffix, left = name.encode(), max(0, 100 - window.used_percent)
        headers = ((b"x-ratelimit-limit-" + suffix, b"100%"), (b"x-ratelimit-remaining-" + suffix, b"%d%%" % left))
        if window.resets_at is None:
            return headers
        seconds = format_seconds(max(0.0, window.resets_at - self.unix_time())).encode()
        return (*headers, (b"x-ratelimit-reset-" + suffix, seconds))

    def explain(self, fault: Fault) -> Fault:
        """Return the fault of a reached limit with the time at which the account can be used again, if it is known."""
        ends = [window.resets_at for _, window in self.current_windows() if window.used_percent >= 100]
        known = [end for end in ends if end is not None]
        if fault.kind not in _LIMITED or not known or fault.retry_after_seconds is not None:
            return fault
        end = max(known)
        message = f"{fault.message} Its limit resets at {datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%M:%SZ}."
        return evolve(fault, message=message, retry_after_seconds=max(1.0, end - self.unix_time()))


def _is_over(window: LimitWindow, now: float) -> bool:
    return window.resets_at is not None and window.resets_at <= now
