"""A whole response, small and soon, or a Fault."""

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from codexd.backs.chat.failures import refusal
from codexd.neutral.fault import Refused, fault
from codexd.upstream import failures
from codexd.upstream.body import Collector


class _Late(Exception):
    """Our own patience is at an end; Twisted has its own word for a connection that takes too long."""


@frozen
class Fetched:
    """What came.

    Attributes:
        response: its status and headers.
        body: its body.
    """

    response: IResponse
    body: bytes

    def document(self, now: float) -> bytes:
        """Give the body of a response that is no refusal.

        Args:
            now: Unix time in seconds, for when to ask again.

        Raises:
            Refused: for one that is.
        """
        if self.response.code != 200:
            raise Refused(refusal(self.response.code, self.body, failures.asked_seconds(self.response, now)))
        return self.body


async def fetched(
    asked: "Deferred[IResponse]", limit_bytes: int, seconds: float, clock: IReactorTime
) -> Fetched:
    """Wait for a response and its body.

    Args:
        asked: the request.
        limit_bytes: of the body; a longer one is cut there.
        seconds: for all of it.
        clock: for the deadline.

    Raises:
        Refused: when there is no response, or not in time.
        CancelledError: when nobody waits for it any more.
    """
    late = clock.seconds() + seconds
    asked.addTimeout(seconds, clock, _late)
    try:
        response = await asked
    except _Late:
        raise Refused(fault("no_first_event")) from None
    except Exception:
        failure = Failure()
        if failures.cancelled(failure):
            raise CancelledError from None
        raise Refused(failures.translate(failure)) from None
    body: Deferred[bytes] = Deferred(lambda _: collector.abort())
    collector = Collector(limit_bytes, body.callback)
    response.deliverBody(collector)
    body.addTimeout(max(late - clock.seconds(), 0.0), clock, _late)
    try:
        return Fetched(response, await body)
    except _Late:
        raise Refused(fault("idle")) from None


def _late(result: object, seconds: float) -> object:
    raise _Late
