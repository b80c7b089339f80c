"""Fetches a whole response of limited size within a deadline, or raises a Fault."""

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from codexd.backs.chat.failures import translate_http_error
from codexd.neutral.fault import FaultError, fault
from codexd.upstream import failures
from codexd.upstream.body import BodyCollector


class _DeadlineError(Exception):
    """The deadline of the fetch expired; Twisted's TimeoutError also means a slow connection attempt."""


@frozen
class FetchedResponse:
    """A response with its whole body.

    Attributes:
        response: the status and headers.
        body: the body, cut at the limit.
    """

    response: IResponse
    body: bytes

    def successful_body(self, now: float) -> bytes:
        """Return the body of a response with status 200.

        Args:
            now: Unix time in seconds, to read `Retry-After`.

        Raises:
            FaultError: if the response has another status.
        """
        if self.response.code != 200:
            after = failures.read_retry_after(self.response, now)
            raise FaultError(translate_http_error(self.response.code, self.body, after))
        return self.body


async def fetch(
    request: "Deferred[IResponse]", limit_bytes: int, seconds: float, clock: IReactorTime
) -> FetchedResponse:
    """Wait for a response and its body.

    Args:
        request: the request that was sent.
        limit_bytes: the size at which a body is cut.
        seconds: the deadline for head and body together.
        clock: schedules the deadline.

    Raises:
        FaultError: if there is no response, or not in time.
        CancelledError: if the caller was cancelled.
    """
    deadline = clock.seconds() + seconds
    request.addTimeout(seconds, clock, _raise_deadline_error)
    try:
        response = await request
    except _DeadlineError:
        raise FaultError(fault("no_first_event")) from None
    except Exception:
        failure = Failure()
        if failures.is_cancelled(failure):
            raise CancelledError from None
        raise FaultError(failures.translate_request_failure(failure)) from None
    body: Deferred[bytes] = Deferred(lambda _: collector.abort())
    collector = BodyCollector(limit_bytes, body.callback)
    response.deliverBody(collector)
    body.addTimeout(max(deadline - clock.seconds(), 0.0), clock, _raise_deadline_error)
    try:
        return FetchedResponse(response, await body)
    except _DeadlineError:
        raise FaultError(fault("idle_timeout")) from None


def _raise_deadline_error(result: object, seconds: float) -> object:
    raise _DeadlineError
