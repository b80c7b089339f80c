"""Translates failures of the HTTP client into Faults, with one table."""

from typing import Final

from attrs import evolve
from OpenSSL.SSL import Error as TLSError
from service_identity import CertificateError, VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    DNSLookupError,
    TimeoutError,
    UserError,
)
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseFailed
from twisted.web.iweb import IResponse

from codexd.backs.chat.failures import MALFORMED, parse_retry_after
from codexd.neutral.fault import Fault, fault

# The first matching row applies; the note is for the log.
_BY_EXCEPTION: Final[tuple[tuple[tuple[type[BaseException], ...], Fault, str], ...]] = (
    ((TLSError, VerificationError, CertificateError), fault("unreachable"), "tls"),
    ((DNSLookupError,), fault("unreachable"), "dns"),
    ((TimeoutError,), fault("unreachable"), "connect_timeout"),
    ((ConnectError, UserError), fault("unreachable"), "connect"),
    ((ConnectionClosed,), fault("unreachable"), "lost"),
    # A response that failed for none of these reasons could not be parsed.
    ((ResponseFailed,), MALFORMED, "malformed"),
)


def translate_request_failure(failure: Failure) -> Fault:
    """Return the Fault of a request that failed before the head of its response."""
    exceptions = _unwrap(failure)
    for types, translated, note in _BY_EXCEPTION:
        if any(isinstance(exception, types) for exception in exceptions):
            return evolve(translated, note=note)
    return evolve(fault("unreachable"), note=type(failure.value).__name__)


def translate_body_failure(failure: Failure) -> Fault:
    """Return the Fault of a response that was cut in its body."""
    lost = any(isinstance(exception, ConnectionClosed) for exception in _unwrap(failure))
    return evolve(fault("stream_cut"), note="lost") if lost else MALFORMED


def is_cancelled(failure: Failure) -> bool:
    """Return whether a request failed because it was cancelled; the HTTP client may wrap that error."""
    return any(isinstance(exception, CancelledError | ConnectingCancelledError) for exception in _unwrap(failure))


def read_retry_after(response: IResponse, now: float) -> float | None:
    """Return the seconds after which a response's headers allow a retry; None if they do not say.

    Args:
        response: an error response.
        now: Unix time in seconds.
    """
    after, after_ms = (
        values[0].decode("latin-1") if (values := response.headers.getRawHeaders(name)) else None
        for name in (b"retry-after", b"retry-after-ms")
    )
    return parse_retry_after(after, after_ms, now)


def _unwrap(failure: Failure) -> list[BaseException]:
    """Return an exception and those that Twisted's web client wrapped in it."""
    value = failure.value
    assert value is not None
    inner = value.reasons if isinstance(value, ResponseFailed | RequestTransmissionFailed) else ()
    return [value, *(exception for wrapped in inner for exception in _unwrap(wrapped))]
