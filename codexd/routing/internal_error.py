"""Turns an unexpected exception in routing into an `internal` failure of that one response."""

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.neutral.event import Failed
from codexd.neutral.fault import fault
from codexd.observe.log import format_failure

_LOG: Final = Logger()


def internal_failure(count: Callable[[str], None], request_id: str) -> Failed:
    """Log and count the exception that is being handled, and return the event that ends its response.

    Args:
        count: called with `internal_error`.
        request_id: the id of the request, for the log.
    """
    count("internal_error")
    _LOG.error(
        "Request {id}: unexpected error while a response was routed: {where}",
        event="internal_error",
        id=request_id,
        where=format_failure(Failure()),
    )
    return Failed(fault("internal"))
