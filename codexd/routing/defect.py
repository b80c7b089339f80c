"""What a defect of our own costs between front and back end: one answer, and no more."""

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.neutral.event import Failed
from codexd.neutral.fault import fault
from codexd.observe.log import whereabouts

_LOG: Final = Logger()


def failed(count: Callable[[str], None]) -> Failed:
    """Log and count the exception that is being handled; give what its answer ends with.

    Args:
        count: told `internal_error`.
    """
    count("internal_error")
    _LOG.error("An answer could not be brought over: {where}", where=whereabouts(Failure()))
    return Failed(fault("internal"))
