"""Renders the limits of the Codex account: `GET /v1/usage/limits`."""

from typing import Final

from codexd.fronts.usage.times import format_time
from codexd.policy.account_limits import PLAN_ACCOUNT, AccountState, LimitWindow
from codexd.wire.json import Json, encode

_NO_CODEX: Final = "There is no Codex account: Codex does not run, or serves the scripted model."
_NO_ACCOUNT: Final = "Codex has no account, or has not reported it yet."
_NO_PLAN: Final = "The account has no plan, so Codex reports no limits of it."
_NO_LIMITS: Final = "Codex has not reported limits yet."


def render_limits(account: AccountState | None, shows_tokens: bool) -> bytes:
    """Render what is known.

    Args:
        account: what is known of the account; None if Codex has none.
        shows_tokens: whether to show what the account has used, also elsewhere.
    """
    limits = None if account is None else account.limits
    rendered: dict[str, Json] = {
        "object": "usage.limits",
        "account": None if account is None else account.kind,
        "message": _explain(account),
        "plan": None if limits is None else limits.plan,
        "reached": None if limits is None else limits.reached,
        "windows": [] if account is None else [_window(name, window) for name, window in account.current_windows()],
        "updated_at": None if account is None or account.updated_at is None else format_time(int(account.updated_at)),
    }
    if shows_tokens and account is not None and account.tokens is not None:
        days = [{"date": date, "tokens": tokens} for date, tokens in account.tokens.days]
        rendered["tokens"] = {"lifetime": account.tokens.lifetime, "days": days}
    return encode(rendered)


def _explain(account: AccountState | None) -> str | None:
    if account is None:
        return _NO_CODEX
    if account.limits is not None:
        return None
    if account.kind is None:
        return _NO_ACCOUNT
    return _NO_LIMITS if account.kind == PLAN_ACCOUNT else _NO_PLAN


def _window(name: str, window: LimitWindow) -> Json:
    return {
        "window": name,
        "used_percent": window.used_percent,
        "minutes": window.minutes,
        "resets_at": None if window.resets_at is None else format_time(window.resets_at),
    }
