"""What goes wrong on the way to an upstream, as Faults: one table."""

from typing import Final

from attrs import evolve
from OpenSSL.SSL import Error as TLSError
from service_identity import CertificateError, VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError, TimeoutError, UserError
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseFailed
from twisted.web.iweb import IResponse

from codexd.backs.chat.failures import MALFORMED, retry_after_seconds
from codexd.neutral.fault import Fault, fault

# The first that fits counts; the note is for the log.
_BY_EXCEPTION: Final[tuple[tuple[tuple[type[BaseException], ...], Fault, str], ...]] = (
    ((TLSError, VerificationError, CertificateError), fault("unreachable"), "tls"),
    ((DNSLookupError,), fault("unreachable"), "dns"),
    ((TimeoutError,), fault("unreachable"), "connect_timeout"),
    ((ConnectError, UserError), fault("unreachable"), "connect"),
    ((ConnectionClosed,), fault("unreachable"), "lost"),
    # A response that failed for none of these reasons is one that could not be understood.
    ((ResponseFailed,), MALFORMED, "malformed"),
)


def translate(failure: Failure) -> Fault:
    """Give the Fault that a request without the head of a response amounts to."""
    found = _reasons(failure)
    for kinds, wrong, note in _BY_EXCEPTION:
        if any(isinstance(reason, kinds) for reason in found):
            return evolve(wrong, note=note)
    return evolve(fault("unreachable"), note=type(failure.value).__name__)


def cut(failure: Failure) -> Fault:
    """Give the Fault that a response amounts to whose body broke off."""
    found = _reasons(failure)
    lost = any(isinstance(reason, ConnectionClosed) for reason in found)
    return evolve(fault("stream_cut"), note="lost") if lost else MALFORMED


def cancelled(failure: Failure) -> bool:
    """Tell whether a request failed because it was cancelled; its HTTP client wraps that, too."""
    return any(isinstance(reason, CancelledError) for reason in _reasons(failure))


def asked_seconds(response: IResponse, now: float) -> float | None:
    """Give for how long a response's headers ask not to be asked again; None if they do not.

    Args:
        response: a refusal.
        now: Unix time in seconds.
    """
    after, after_ms = (
        values[0].decode("latin-1") if (values := response.headers.getRawHeaders(name)) else None
        for name in (b"retry-after", b"retry-after-ms")
    )
    return retry_after_seconds(after, after_ms, now)


def _reasons(failure: Failure) -> list[BaseException]:
    """List an exception and those it wraps, as Twisted's web client does."""
    value = failure.value
    assert value is not None
    inner = value.reasons if isinstance(value, ResponseFailed | RequestTransmissionFailed) else ()
    return [value, *(reason for wrapped in inner for reason in _reasons(wrapped))]
