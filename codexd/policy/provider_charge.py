"""What one request to a model provider costs: a turn, which may be attempted several times, or a forwarded request."""

from attrs import define

from codexd.neutral.event import Usage
from codexd.policy.key_meter import Charge


@define(eq=False)
class ProviderCharge:
    """What one request to a model provider costs the key of the client's request.

    Attributes:
        request: what the client's request costs; it may need several turns.
        sent: a provider has it, so that it costs something also if nothing more is known of it. While it waits for
            its back end, it costs nothing.
    """

    request: Charge
    sent: bool = False

    def spend(self, usage: Usage) -> None:
        """Count tokens that were used."""
        self.request.spend(usage)

    def end_attempt(self, usage: Usage | None) -> None:
        """Count an attempt that failed before its first event, which is free if no usage was reported.

        Args:
            usage: of this attempt alone.
        """
        self.sent = False
        if usage is not None:
            self.spend(usage)
