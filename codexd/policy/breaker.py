"""A circuit breaker: a provider that keeps failing is left alone for a while, then tried by one request.

Closed, every request passes and failures in a row are counted. Open, none does until the time is up. Then it
is half open: one request, the probe, passes; its end closes the circuit or opens it anew.
"""

from typing import Final, Literal

from attrs import evolve, frozen

SUSPICIOUS: Final = frozenset(
    ("idle", "model_failed", "no_first_event", "overloaded", "stream_cut", "unreachable")
)
"""Kinds of fault that say something of the provider's health; the rest are about a request or an account."""

Outcome = Literal["good", "bad", "unknown"]
"""How a request ended; `unknown` when nobody waited for its end, or its fault was not the provider's."""


@frozen
class BreakerPolicy:
    """How much to take before a provider is left alone.

    Attributes:
        failures: so many in a row open the circuit.
        open_seconds: how long it stays open.
    """

    failures: int = 5
    open_seconds: float = 30.0


@frozen
class Permit:
    """Leave for one request, to be given back with its outcome; `probe` is that of a half-open circuit."""

    probe: bool = False


@frozen
class Circuit:
    """What there is to remember; `Circuit()` is closed.

    Attributes:
        failed: how many requests failed in a row.
        opened: when it was opened last; None while it is closed.
        probing: a probe is under way.
    """

    failed: int = 0
    opened: float | None = None
    probing: bool = False


def left_seconds(policy: BreakerPolicy, circuit: Circuit, now: float) -> float:
    """Tell how long no request passes yet; 0 when one would."""
    if circuit.opened is None:
        return 0.0
    left = max(circuit.opened + policy.open_seconds - now, 0.0)
    # While a probe is under way nobody knows: a moment is as good a guess as any.
    return max(left, 1.0) if circuit.probing else left


def ask(policy: BreakerPolicy, circuit: Circuit, now: float) -> tuple[Circuit, Permit | None]:
    """Ask leave for one request.

    Args:
        policy: the settings.
        circuit: as it stands.
        now: of a clock that does not jump.
    """
    if left_seconds(policy, circuit, now) > 0:
        return circuit, None
    if circuit.opened is None:
        return circuit, Permit()
    return evolve(circuit, probing=True), Permit(probe=True)


def give_back(
    policy: BreakerPolicy, circuit: Circuit, permit: Permit, outcome: Outcome, now: float
) -> Circuit:
    """Give leave back, once. An open circuit is moved by its probe alone, not by what began before."""
    if circuit.opened is not None and not permit.probe:
        return circuit
    if outcome == "good":
        return Circuit()
    if outcome == "unknown":
        return evolve(circuit, probing=False)
    failed = circuit.failed + 1
    opened = now if permit.probe or failed >= policy.failures else None
    return Circuit(failed, opened)


def outcome(kind: str | None) -> Outcome:
    """Tell what the kind of a fault, or None for a good end, says of the provider."""
    if kind is None:
        return "good"
    return "bad" if kind in SUSPICIOUS else "unknown"
