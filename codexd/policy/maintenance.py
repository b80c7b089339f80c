"""Maintenance: a state in which requests for work are refused, and what their clients are told."""

from typing import Final

from codexd.neutral.fault import Fault, fault
from codexd.neutral.records import frozen

MAX_MESSAGE_CHARACTERS: Final = 500
MAX_RETRY_SECONDS: Final = 86400.0


@frozen
class MaintenanceState:
    """Whether requests for work are refused, and with what.

    Attributes:
        enabled: they are refused.
        retry_after_seconds: when clients are asked to try again.
        message: the error message; None for codexd's own.
    """

    enabled: bool = False
    retry_after_seconds: float = 60.0
    message: str | None = None

    def to_fault(self) -> Fault:
        """Return the fault of the refused requests."""
        return fault("maintenance", self.message, retry_after_seconds=self.retry_after_seconds)
