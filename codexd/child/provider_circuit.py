"""The circuit breaker of the provider of Codex's models, with its metrics and log lines."""

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from codexd.neutral.fault import FaultError, fault
from codexd.observe.metrics import Metrics
from codexd.policy.breaker import BreakerPolicy
from codexd.policy.shared_breaker import SharedBreaker, SharedPermit
from codexd.settings import Codex


class ProviderCircuit:
    """Decides which requests may be sent to the provider.

    One outage opens it for all: the child has tried to connect for `codex.unreachable_seconds`.

    Args:
        codex: the settings of the breaker.
        clock: measures how long it is open.
        metrics: counters and gauges.
        provider: the address of the provider, without what may be secret, for the log.
        has_probe: whether something else than a request finds out that an outage has ended (`close_outage`).
    """

    _log = Logger()

    def __init__(self, codex: Codex, clock: IReactorTime, metrics: Metrics, provider: str, has_probe: bool) -> None:
        self._breaker = SharedBreaker(_build_policy(codex))
        self._clock = clock
        self._metrics = metrics
        self._provider = provider
        self._has_probe = has_probe
        metrics.watch_home(codex.name, "codex_circuit_open", lambda: self.is_open)

    def apply(self, codex: Codex) -> None:
        """Use other limits."""
        self._breaker.apply(_build_policy(codex))

    @property
    def is_open(self) -> bool:
        """Whether a request of a principal without failures would be refused, or would probably fail."""
        is_closed = self._breaker.remaining_seconds(self._clock.seconds()) == 0
        return not is_closed or (self._has_probe and self.has_outage)

    @property
    def own_open(self) -> tuple[str, ...]:
        """The principals whose own circuit is open or half open."""
        return self._breaker.own_open

    @property
    def has_outage(self) -> bool:
        """Whether it is open, or half open, because no connection could be opened."""
        return self._breaker.has_outage

    def close_outage(self) -> None:
        """Close it if it is open because of an outage."""
        if self.has_outage:
            self._breaker.close()
            self._log.info("The model's provider of Codex can be reached again", event="circuit_closed")

    def acquire(self, principal: str) -> SharedPermit:
        """Acquire a permit for one request.

        Raises:
            FaultError: `circuit_open`, with the time until the next request may be sent.
        """
        now = self._clock.seconds()
        permit = self._breaker.acquire(principal, now)
        if permit is None:
            self._metrics.count("codex_breaker_open")
            raise FaultError(fault("circuit_open", retry_after_seconds=self._breaker.remaining_seconds(now, principal)))
        return permit

    def release(self, permit: SharedPermit, kind: str | None, reason: str = "") -> None:
        """Release a permit, once.

        Args:
            permit: the permit.
            kind: the kind of the failure; None is a success, `cancelled` unknown.
            reason: what else is known of the failure (`Fault.note`), for the log.
        """
        before = self._states(permit.principal)
        self._breaker.release(permit, kind, self._clock.seconds())
        for (whose, was_open), (_, is_open) in zip(before, self._states(permit.principal), strict=True):
            if was_open != is_open:
                self._log_change(whose, is_open, kind, reason)

    def _log_change(self, whose: str, is_open: bool, kind: str | None, reason: str) -> None:
        if not is_open:
            self._log.warn(
                "Circuit breaker of Codex's model provider is closed for {whose}", event="circuit_closed", whose=whose
            )
            return
        self._log.warn(
            "Circuit breaker of Codex's model provider is open for {whose}: {kind} ({reason}) at {provider}",
            event="circuit_opened",
            whose=whose,
            kind=kind,
            reason=reason or "no details",
            provider=self._provider,
        )

    def _states(self, principal: str) -> tuple[tuple[str, bool], ...]:
        own = self._breaker.has_own_open(principal)
        return ("all requests", self._breaker.is_open), (f"principal {principal}", own)


def _build_policy(codex: Codex) -> BreakerPolicy:
    return BreakerPolicy(codex.breaker_failures, codex.breaker_seconds, outages=1)
