"""The circuit breaker of an upstream that several principals use.

The requests of one principal can fail while the upstream serves all others: its prompts may crash the model. So
each principal has a circuit of its own, and one circuit is for all. That one opens for an outage (no connection
can be opened), whoever meets it, or if several principals fail and none succeeds: no principal counts for more
than half of the failures that open it.
"""

from typing import Final

from attrs import evolve

from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.policy import breaker
from codexd.policy.breaker import BreakerPolicy, Circuit, Permit

OUTAGE: Final = "unreachable"
"""The kind of fault that no request can cause by its content."""

_CLOSED: Final = Circuit()
_LOST: Final = "lost"


def failure_kind(failed: Fault) -> str:
    """Return the kind of a failure for the breaker: a connection that was lost after the request is no outage."""
    return "stream_cut" if failed.kind == OUTAGE and failed.note == _LOST else failed.kind


@frozen
class SharedPermit:
    """Permission for one request of a principal, from its own circuit and from the shared one."""

    principal: str
    own: Permit
    shared: Permit

    @property
    def is_probe(self) -> bool:
        """Whether its outcome decides about a circuit."""
        return self.own.probe or self.shared.probe


class SharedBreaker:
    """The circuits of one upstream; times are seconds of a monotonic clock.

    Principals are configured, so that their number is limited.

    Args:
        policy: when a circuit opens and for how long.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self.apply(policy)
        self._is_outage = False
        self._shared = _CLOSED
        self._own: dict[str, Circuit] = {}
        self._failures: dict[str, int] = {}

    def apply(self, policy: BreakerPolicy) -> None:
        """Use another policy; the circuits keep their states."""
        self._policy = policy
        self._outage_policy = policy if policy.outages is None else evolve(policy, failures=policy.outages)

    @property
    def is_open(self) -> bool:
        """Whether the circuit of all principals is open or half open."""
        return self._shared.opened_at is not None

    @property
    def has_outage(self) -> bool:
        """Whether the circuit of all principals is open or half open because of an outage."""
        return self.is_open and self._is_outage

    def close(self) -> None:
        """Close the circuit of all principals: an outage has ended."""
        self._shared = _CLOSED
        self._failures.clear()

    @property
    def own_open(self) -> tuple[str, ...]:
        """The principals whose circuit is open or half open."""
        return tuple(principal for principal in self._own if self.has_own_open(principal))

    def has_own_open(self, principal: str) -> bool:
        """Return whether the circuit of a principal is open or half open."""
        return self._own.get(principal, _CLOSED).opened_at is not None

    def remaining_seconds(self, now: float, principal: str | None = None) -> float:
        """Return for how long no request passes; None is a principal without failures."""
        own = self._own.get(principal, _CLOSED) if principal is not None else _CLOSED
        return max(breaker.remaining_seconds(self._policy, circuit, now) for circuit in (self._shared, own))

    def acquire(self, principal: str, now: float) -> SharedPermit | None:
        """Acquire a permit for one request; None if the circuit of the principal, or that of all, is open."""
        if self.remaining_seconds(now, principal) > 0:
            return None
        own, own_permit = breaker.acquire(self._policy, self._own.get(principal, _CLOSED), now)
        self._shared, shared_permit = breaker.acquire(self._policy, self._shared, now)
        assert own_permit is not None
        assert shared_permit is not None
        self._set_own(principal, own)
        return SharedPermit(principal, own_permit, shared_permit)

    def release(self, permit: SharedPermit, kind: str | None, now: float) -> None:
        """Release a permit, once.

        Args:
            permit: the permit.
            kind: the kind of the fault (`failure_kind`); None for success.
            now: the time.
        """
        principal, outcome = permit.principal, breaker.classify(kind)
        own, own_outcome = self._own.get(principal, _CLOSED), "unknown" if kind == OUTAGE else outcome
        self._set_own(principal, breaker.release(self._policy, own, permit.own, own_outcome, now))
        if outcome == "success":
            self._failures.clear()
        if outcome != "failure" or kind == OUTAGE or permit.shared.probe:
            policy = self._outage_policy if kind == OUTAGE else self._policy
            if outcome != "unknown" and (permit.shared.probe or not self.is_open):
                self._is_outage = kind == OUTAGE
            self._shared = breaker.release(policy, self._shared, permit.shared, outcome, now)
        if outcome == "failure" and kind != OUTAGE:
            self._judge_failure(permit, now)

    def _judge_failure(self, permit: SharedPermit, now: float) -> None:
        """Open the circuit of all if several principals have failed; let another principal send the next probe."""
        principal = permit.principal
        if permit.shared.probe:
            # For twice the time, as otherwise one failing principal could keep sending all probes.
            self._set_own(principal, Circuit(self._policy.failures, now + self._policy.open_seconds))
        elif not self.is_open:
            self._failures[principal] = self._failures.get(principal, 0) + 1
            if self._have_several_failed():
                self._shared = evolve(self._shared, opened_at=now)
                self._is_outage = False

    def _have_several_failed(self) -> bool:
        limit = self._policy.failures
        most = -(-limit // 2)
        return len(self._failures) > 1 and sum(min(count, most) for count in self._failures.values()) >= limit

    def _set_own(self, principal: str, circuit: Circuit) -> None:
        if circuit == _CLOSED:
            self._own.pop(principal, None)
        else:
            self._own[principal] = circuit
