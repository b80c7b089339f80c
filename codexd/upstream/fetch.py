"""A whole response, small and soon, or a Fault."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from codexd.neutral.fault import Refused, fault
from codexd.upstream import failures
from codexd.upstream.body import Collector


async def fetched(
    asked: "Deferred[IResponse]", limit_bytes: int, seconds: float, clock: IReactorTime
) -> tuple[int, bytes]:
    """Wait for a response and its body.

    Args:
        asked: the request.
        limit_bytes: of the body; a longer one is cut there.
        seconds: for all of it.
        clock: for the deadline.

    Raises:
        Refused: when there is no response, or not in time.
    """
    late = clock.seconds() + seconds
    asked.addTimeout(seconds, clock, _timed_out)
    try:
        response = await asked
    except CancelledError:
        raise
    except Exception:
        raise Refused(failures.translate(Failure())) from None
    body: Deferred[bytes] = Deferred(lambda _: collector.abort())
    collector = Collector(limit_bytes, body.callback)
    response.deliverBody(collector)
    body.addTimeout(max(late - clock.seconds(), 0.0), clock, _timed_out)
    try:
        return response.code, await body
    except TimeoutError:
        raise Refused(fault("idle")) from None


def _timed_out(result: object, seconds: float) -> object:
    raise TimeoutError
