"""Counts what each API key uses, and refuses what its policy does not allow: rates, tokens and budgets.

Times are arguments: `now` is a monotonic clock in seconds, for rates; `unix_time` is Unix time in seconds, for budgets.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import define, evolve

from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import Item, Turn
from codexd.policy import estimate
from codexd.policy.key_policy import KeyPolicy
from codexd.policy.token_bucket import TokenBucket
from codexd.policy.token_budget import PeriodKind, TokenBudget

DEFAULT_OUTPUT_TOKENS: Final = 1000
"""The output that is reserved for a request without a limit of output tokens."""

_BUSY_SECONDS: Final = 5.0
"""When a request may be repeated that does not fit into a budget beside the running ones."""

Headers = tuple[tuple[bytes, bytes], ...]
Clock = Callable[[], float]
UsageCounter = Callable[[str, Usage], object]
"""Counts tokens for the metrics, by the key's name."""


@frozen
class SpentTokens:
    """What one key spent in one day or month, as the store keeps it."""

    key: str
    period: str
    tokens: int


@define(eq=False, kw_only=True)
class KeyMeter:
    """The counters of one key with a name.

    Attributes:
        policy: the key's limits.
        budgets: of the day and of the month.
        reserved: tokens of running requests that are not spent yet.
        is_loaded: what was spent before the last restart is known; budgets refuse everything until then.
        is_saved: the store has what was spent.
    """

    policy: KeyPolicy
    budgets: tuple[TokenBudget, TokenBudget]
    _now: Clock
    _unix_time: Clock
    _count: UsageCounter
    requests: TokenBucket | None = None
    tokens: TokenBucket | None = None
    reserved: int = 0
    is_loaded: bool = False
    is_saved: bool = True

    @classmethod
    def start(cls, policy: KeyPolicy, now: Clock, unix_time: Clock, count: UsageCounter) -> "KeyMeter":
        """Build a meter that has counted nothing yet."""
        budgets = (TokenBudget.start("day", None, unix_time()), TokenBudget.start("month", None, unix_time()))
        meter = cls(policy=policy, budgets=budgets, now=now, unix_time=unix_time, count=count)
        meter.apply(policy)
        return meter

    def apply(self, policy: KeyPolicy) -> None:
        """Use other limits from now on; what was counted counts."""
        self.policy = policy
        self.requests = _resize(self.requests, policy.requests_per_minute)
        self.tokens = _resize(self.tokens, policy.tokens_per_minute)
        for budget, limit in zip(self.budgets, (policy.tokens_per_day, policy.tokens_per_month), strict=True):
            budget.resize(limit)

    # Admission.

    @property
    def limits_tokens(self) -> bool:
        """Whether tokens are limited, so that they must be reserved."""
        return self.tokens is not None or any(budget.limit is not None for budget in self.budgets)

    def admit_request(self) -> None:
        """Count a request.

        Raises:
            FaultError: `key_request_limit`.
        """
        if self.requests is None:
            return
        wait = self.requests.wait_seconds(1, self._now())
        if wait:
            raise FaultError(self._rate_fault("key_request_limit", "requests per minute", self.requests.limit, wait))
        self.requests.spend(1, self._now())

    def reserve(self, input_tokens: int, output_tokens: int) -> int:
        """Reserve tokens for a request, and return how many; `Charge` replaces them by what is used.

        Args:
            input_tokens: an estimate.
            output_tokens: the most that is expected; less is reserved if the limit of a minute is lower.

        Raises:
            FaultError: `key_token_limit`, `key_request_too_large`, `key_budget_exhausted`, `not_ready`.
        """
        if not self.limits_tokens:
            return 0
        self._check_budgets()
        amount = input_tokens + output_tokens
        if self.tokens is not None:
            if input_tokens > self.tokens.limit:
                raise FaultError(self._too_large(input_tokens, self.tokens.limit))
            amount = min(amount, self.tokens.limit)
            wait = self.tokens.wait_seconds(amount, self._now())
            if wait:
                raise FaultError(self._rate_fault("key_token_limit", "tokens per minute", self.tokens.limit, wait))
            self.tokens.spend(amount, self._now())
        self.reserved += amount
        return amount

    def _check_budgets(self) -> None:
        for budget in self._current_budgets():
            if budget.limit is None:
                continue
            if not self.is_loaded:
                raise FaultError(fault("not_ready", "The budget of this API key is not known yet."))
            if budget.left() <= 0:
                raise FaultError(self._exhausted(budget))
            if budget.left() <= self.reserved:
                message = f"Running requests of key '{self.policy.name}' have reserved the rest of its budget."
                raise FaultError(fault("key_token_limit", message, retry_after_seconds=_BUSY_SECONDS))

    def _current_budgets(self) -> tuple[TokenBudget, TokenBudget]:
        for budget in self.budgets:
            budget.advance(self._unix_time())
        return self.budgets

    def _rate_fault(self, kind: str, what: str, limit: int, wait: float) -> Fault:
        message = (
            f"Rate limit reached for key '{self.policy.name}' on {what}: limit {limit}."
            f" Please try again in {format_seconds(wait)}."
        )
        return fault(kind, message, retry_after_seconds=wait)

    def _too_large(self, requested: int, limit: int) -> Fault:
        message = (
            f"Request too large for key '{self.policy.name}' on tokens per minute: limit {limit}, requested about"
            f" {requested}. Shorten the input."
        )
        return fault("key_request_too_large", message)

    def _exhausted(self, budget: TokenBudget) -> Fault:
        message = (
            f"Key '{self.policy.name}' has used up its budget of {budget.limit} tokens a {budget.kind}."
            f" The next {budget.kind} begins at {budget.resets}."
        )
        return fault("key_budget_exhausted", message)

    def report_used_budgets(self) -> Iterator[TokenBudget]:
        """Return the budgets that are used up, each once in its period."""
        for budget in self._current_budgets():
            if budget.left() <= 0 and not budget.is_reported:
                budget.is_reported = True
                yield budget

    # Use.

    def spend(self, usage: Usage, reserved: int) -> None:
        """Count tokens that were used, of which some were reserved."""
        self.release(reserved)
        tokens = usage.total_tokens
        if self.tokens is not None:
            self.tokens.spend(tokens, self._now())
        for budget in self._current_budgets():
            budget.spent += tokens
        self.is_saved = self.is_saved and not tokens
        self._count(self.policy.name, usage)

    def release(self, reserved: int) -> None:
        """Release reserved tokens."""
        self.reserved -= reserved
        if self.tokens is not None and reserved:
            self.tokens.spend(-reserved, self._now())

    # The state for clients and for the store.

    def used_ratio(self, kind: PeriodKind) -> float:
        """Return which part of a budget is used."""
        return next(budget.used_ratio for budget in self._current_budgets() if budget.kind == kind)

    def headers(self) -> Headers:
        """Return OpenAI's headers of the limits that the key has."""
        return (
            *_limit_headers(b"requests", self.requests, self._now),
            *_limit_headers(b"tokens", self.tokens, self._now),
        )

    def load(self, spent: Iterable[SpentTokens]) -> None:
        """Add what was spent before the last restart. Once."""
        by_period = {one.period: one.tokens for one in spent if one.key == self.policy.name}
        for budget in self._current_budgets():
            budget.spent += by_period.get(budget.period.label, 0)
        self.is_loaded = True

    def spent(self) -> Iterator[SpentTokens]:
        """Return what was spent in the current day and month."""
        for budget in self._current_budgets():
            yield SpentTokens(self.policy.name, budget.period.label, budget.spent)


@define(eq=False)
class Charge:
    """What one request costs its key: a reservation, and then what was used.

    Attributes:
        meter: of the key.
    """

    meter: KeyMeter
    _reserved: int = 0
    _estimated: tuple[tuple[Item, ...], int] | None = None

    def input_tokens(self, turn: Turn) -> int:
        """Return the estimated input of a turn. The choices of a request share their items, which are counted once."""
        if self._estimated is None or self._estimated[0] is not turn.items:
            self._estimated = turn.items, estimate.input_tokens(turn)
        return self._estimated[1]

    def reserve(self, input_tokens: int, output_tokens: int) -> None:
        """Reserve tokens (`KeyMeter.reserve`).

        Raises:
            FaultError: as there.
        """
        self._reserved += self.meter.reserve(input_tokens, output_tokens)

    def spend(self, usage: Usage) -> None:
        """Count tokens that were used, those of the reservation first; also after `close`."""
        covered = min(self._reserved, usage.total_tokens)
        self._reserved -= covered
        self.meter.spend(usage, covered)

    def close(self) -> None:
        """Release the rest of the reservation. Idempotent."""
        reserved, self._reserved, self._estimated = self._reserved, 0, None
        self.meter.release(reserved)

    def take_over(self) -> "Charge":
        """Return a charge that has the reservation of this one, for a response that outlives its request."""
        reserved, self._reserved = self._reserved, 0
        return Charge(self.meter, reserved)


def _count_nothing(name: str, usage: Usage) -> None:
    pass


class KeyMeters:
    """The meters of all keys that have a name.

    A key that was removed keeps its meter: added again, it has spent what it had spent.

    Args:
        now: the monotonic clock.
        unix_time: returns Unix time in seconds.
        count: counts tokens for the metrics.
    """

    def __init__(self, now: Clock, unix_time: Clock, count: UsageCounter = _count_nothing) -> None:
        self._now = now
        self._unix_time = unix_time
        self._count = count
        self._meters: dict[str, KeyMeter] = {}
        self._loaded: tuple[SpentTokens, ...] | None = None

    def apply(self, policies: Iterable[KeyPolicy]) -> None:
        """Set the keys; the counters of a name that remains stay."""
        for policy in policies:
            meter = self._meters.get(policy.name)
            if meter is None:
                self._meters[policy.name] = self._start(policy)
            else:
                meter.apply(policy)

    def _start(self, policy: KeyPolicy) -> KeyMeter:
        meter = KeyMeter.start(policy, self._now, self._unix_time, self._count)
        if self._loaded is not None:
            meter.load(self._loaded)
        return meter

    def find(self, name: str) -> KeyMeter | None:
        """Return the meter of a key; None for a key without a name."""
        return self._meters.get(name)

    def load(self, spent: tuple[SpentTokens, ...]) -> None:
        """Add what was spent before the last restart, also to keys that are added later. Once."""
        self._loaded = spent
        for meter in self._meters.values():
            meter.load(spent)

    def __iter__(self) -> Iterator[KeyMeter]:
        """Return all meters."""
        return iter(tuple(self._meters.values()))


def format_seconds(seconds: float) -> str:
    """Return a duration as OpenAI's headers have it, rounded up: `20ms`, `1s`, `6m0s`."""
    if seconds < 1:
        milliseconds = -int(-seconds * 1000 // 1)
        return "1s" if milliseconds >= 1000 else f"{milliseconds}ms"
    whole = -int(-seconds // 1)
    hours, minutes = whole // 3600, whole // 60 % 60
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{whole % 60}s")
    return "".join(parts)


def _limit_headers(what: bytes, bucket: TokenBucket | None, now: Clock) -> Headers:
    if bucket is None:
        return ()
    left = max(0, int(bucket.available(now()) + 1e-6))
    return (
        (b"x-ratelimit-limit-" + what, b"%d" % bucket.limit),
        (b"x-ratelimit-remaining-" + what, b"%d" % left),
        (b"x-ratelimit-reset-" + what, format_seconds(bucket.full_in(now())).encode()),
    )


def _resize(bucket: TokenBucket | None, limit: int | None) -> TokenBucket | None:
    """Return the bucket of another limit; the time until it is full stays."""
    if limit is None:
        return None
    return TokenBucket(limit) if bucket is None else evolve(bucket, limit=limit)
