"""What one request to a model provider costs: a turn, which may be attempted several times, or a forwarded request."""

from typing import Protocol

from attrs import define

from codexd.neutral.event import Usage
from codexd.neutral.turn import Turn
from codexd.policy import estimate
from codexd.policy.key_meter import Charge


class UsageRecord(Protocol):
    """The record of a request, as far as it keeps what the request has used."""

    def charge(self, usage: Usage) -> None:
        """Add tokens that the back end that is asked now has used."""
        ...


@define(eq=False)
class ProviderCharge:
    """What one request to a model provider costs, for the record of the client's request and for its key.

    Attributes:
        record: of the client's request; it may need several turns.
        request: what the client's request costs its key; None if its key has no name.
        sent: a provider has it, so that it costs something also if nothing more is known of it. While it waits for
            its back end, it costs nothing.
    """

    record: UsageRecord
    request: Charge | None = None
    sent: bool = False

    def input_tokens(self, turn: Turn) -> int:
        """Return the estimated input of a turn."""
        return estimate.input_tokens(turn) if self.request is None else self.request.input_tokens(turn)

    def spend(self, usage: Usage) -> None:
        """Count tokens that were used."""
        self.record.charge(usage)
        if self.request is not None:
            self.request.spend(usage)

    def end_attempt(self, usage: Usage | None) -> None:
        """Count an attempt that failed before its first event, which is free if no usage was reported.

        Args:
            usage: of this attempt alone.
        """
        self.sent = False
        if usage is not None:
            self.spend(usage)
