"""A circuit breaker: a provider that keeps failing receives no requests for some time, then one probe.

Closed: every request passes, and consecutive failures are counted. Open: no request passes until the time is
over. Then half open: one request, the probe, passes; its outcome closes the circuit or opens it again.
"""

from typing import Final, Literal

from attrs import evolve

from codexd.neutral.records import frozen

FAILURE_KINDS: Final = frozenset(
    ("idle_timeout", "model_failed", "no_first_event", "overloaded", "stream_cut", "unreachable")
)
"""The kinds of fault that indicate an unhealthy provider; the others concern a request or an account."""

ProviderOutcome = Literal["success", "failure", "unknown"]
"""The outcome of a request: `unknown` if it was cancelled, or if its fault was not the provider's."""


@frozen
class BreakerPolicy:
    """When the circuit opens and for how long.

    Attributes:
        failures: the number of consecutive failures that opens the circuit.
        open_seconds: how long it stays open.
        outages: the number of consecutive outages that opens the circuit of several principals (`shared_breaker`);
            None is `failures`.
    """

    failures: int = 5
    open_seconds: float = 30.0
    outages: int | None = None


@frozen
class Permit:
    """Permission for one request, to be released with its outcome. `probe`: of a half-open circuit."""

    probe: bool = False


@frozen
class Circuit:
    """The state of the breaker; `Circuit()` is closed.

    Attributes:
        consecutive_failures: counted since the last success.
        opened_at: when it was last opened; None while it is closed.
        probing: a probe is running.
    """

    consecutive_failures: int = 0
    opened_at: float | None = None
    probing: bool = False


def remaining_seconds(policy: BreakerPolicy, circuit: Circuit, now: float) -> float:
    """Return for how many more seconds no request passes; 0 if one would pass now."""
    if circuit.opened_at is None:
        return 0.0
    left = max(circuit.opened_at + policy.open_seconds - now, 0.0)
    # While a probe is running the time is unknown: use one second.
    return max(left, 1.0) if circuit.probing else left


def acquire(policy: BreakerPolicy, circuit: Circuit, now: float) -> tuple[Circuit, Permit | None]:
    """Acquire a permit for one request; None if the circuit is open.

    Args:
        policy: the settings.
        circuit: the current state.
        now: seconds of a monotonic clock.
    """
    if remaining_seconds(policy, circuit, now) > 0:
        return circuit, None
    if circuit.opened_at is None:
        return circuit, Permit()
    return evolve(circuit, probing=True), Permit(probe=True)


def release(policy: BreakerPolicy, circuit: Circuit, permit: Permit, outcome: ProviderOutcome, now: float) -> Circuit:
    """Release a permit, once. While the circuit is open only the outcome of the probe counts."""
    if circuit.opened_at is not None and not permit.probe:
        return circuit
    if outcome == "success":
        return Circuit()
    if outcome == "unknown":
        return evolve(circuit, probing=False)
    failures = circuit.consecutive_failures + 1
    opened_at = now if permit.probe or failures >= policy.failures else None
    return Circuit(failures, opened_at)


def classify(kind: str | None) -> ProviderOutcome:
    """Classify the kind of a fault, or None for a normal end."""
    if kind is None:
        return "success"
    return "failure" if kind in FAILURE_KINDS else "unknown"
