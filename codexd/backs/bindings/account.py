"""The account of the child: its kind, its limits, and what it has used."""

from codexd.neutral.records import frozen


@frozen
class AccountRead:
    """`account/read`: read the kind of the account."""

    refreshToken: bool = False


@frozen
class RateLimitsRead:
    """`account/rateLimits/read`: read the limits of the account from its provider."""

    excludeResetCreditDetails: bool = True


@frozen
class TokenUsageRead:
    """`account/usage/read`: read what the account has used from its provider."""

    threadId: str | None = None


@frozen(kw_only=True)
class Account:
    """The account in the result of `account/read`; only a ChatGPT account has an address and a plan."""

    type: str
    email: str | None = None
    planType: str | None = None


@frozen(kw_only=True)
class AccountResult:
    """The result of `account/read`; no account also while the child could not renew its login."""

    requiresOpenaiAuth: bool
    account: Account | None = None


@frozen
class RateLimitWindow:
    """A window of a limit."""

    usedPercent: int
    windowDurationMins: int | None = None
    resetsAt: int | None = None


@frozen(kw_only=True)
class RateLimits:
    """The limits of an account; in an update, None may mean unchanged."""

    limitId: str | None = None
    planType: str | None = None
    primary: RateLimitWindow | None = None
    secondary: RateLimitWindow | None = None
    rateLimitReachedType: str | None = None


@frozen
class RateLimitsResult:
    """The result of `account/rateLimits/read`."""

    rateLimits: RateLimits


@frozen
class RateLimitsUpdated:
    """`account/rateLimits/updated`: a response of the provider had limits in its headers."""

    rateLimits: RateLimits


@frozen
class DailyTokens:
    """The tokens of one day."""

    startDate: str
    tokens: int


@frozen
class TokenUsageSummary:
    """Sums of what an account has used."""

    lifetimeTokens: int | None = None


@frozen
class TokenUsageResult:
    """The result of `account/usage/read`."""

    summary: TokenUsageSummary
    dailyUsageBuckets: list[DailyTokens] | None = None
