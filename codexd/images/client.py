"""Fetches one image: a GET request, few redirects, and a body of limited size and known type."""

import base64
from typing import Any, Final

from attrs import frozen
from OpenSSL.SSL import Error as TLSError
from service_identity import CertificateError, VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError, TimeoutError
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, RequestTransmissionFailed, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IPolicyForHTTPS, IResponse

from codexd import __version__
from codexd.images.body import ImageBody, too_large
from codexd.images.endpoint import HEAD_BYTES, CheckedEndpoint, ReceiveLimit
from codexd.images.resolver import HostResolver
from codexd.neutral.fault import FaultError
from codexd.policy.image_urls import ImageUrl, UrlRules, failure

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_HEADERS: Final = Headers(
    {
        b"accept": [b"image/png, image/jpeg, image/gif, image/webp"],
        b"accept-encoding": [b"identity"],
        b"user-agent": [f"codexd/{__version__}".encode()],
    }
)

# The first matching row applies: exceptions, the word for the log, the end of the message.
_BY_EXCEPTION: Final[tuple[tuple[tuple[type[BaseException], ...], str, str], ...]] = (
    ((TLSError, VerificationError, CertificateError), "tls", "TLS with its server failed"),
    ((DNSLookupError,), "dns", "its host does not exist"),
    ((TimeoutError,), "connect_timeout", "its server did not accept a connection in time"),
    ((ConnectError,), "connect", "its server cannot be reached"),
    ((ConnectionClosed,), "lost", "the connection to its server was lost"),
)


@frozen
class FetchedImage:
    """An image as it was fetched.

    Attributes:
        media: the type, recognised by its first bytes.
        body: the bytes.
    """

    media: str
    body: bytes

    def data_url(self) -> str:
        """Return the image as a `data:` URL."""
        return f"data:{self.media};base64,{base64.b64encode(self.body).decode('ascii')}"


class ImageClient:
    """Fetches images. It keeps no connections and no cookies, and uses no proxy.

    Args:
        reactor: provides IReactorTCP, IReactorTime and IReactorPluggableNameResolver.
        rules: which URLs and addresses are allowed.
        max_bytes: the maximum size of an image.
        max_redirects: how many redirects are followed.
        connect_seconds: the timeout of a TCP connection.
        tls: the TLS policy; default: certificates of the system's authorities, for the host of the URL.
    """

    def __init__(
        self,
        *,
        reactor: Any,
        rules: UrlRules,
        max_bytes: int,
        max_redirects: int,
        connect_seconds: float,
        tls: IPolicyForHTTPS | None = None,
    ) -> None:
        self._reactor = reactor
        self._rules = rules
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._connect_seconds = connect_seconds
        self._tls = tls
        self._resolver = HostResolver(reactor)

    async def fetch(self, url: ImageUrl) -> FetchedImage:
        """Fetch an image; cancelling the Deferred of this coroutine closes the connection.

        Args:
            url: a URL that the rules allow.

        Raises:
            FaultError: `image_refused`, `image_failed`, `image_too_large` or `image_type`.
            CancelledError: if the caller was cancelled.
        """
        for _ in range(self._max_redirects + 1):
            limit = ReceiveLimit()
            response = await self._request(url, limit)
            if response.code not in _REDIRECTS:
                return await self._read(url, response, limit)
            _discard(response)
            url = self._rules.follow(url, _header(response, b"location"))
        message = f"The image could not be fetched: its server redirects more than {self._max_redirects} times."
        raise FaultError(failure(url.host, "redirects", f"{message} (images.max_redirects)"))

    async def _request(self, url: ImageUrl, limit: ReceiveLimit) -> IResponse:
        endpoint = CheckedEndpoint(
            reactor=self._reactor,
            resolver=self._resolver,
            rules=self._rules,
            url=url,
            connect_seconds=self._connect_seconds,
            tls=self._policy(),
            limit=limit,
        )
        agent = Agent.usingEndpointFactory(self._reactor, endpoint)
        try:
            response: IResponse = await agent.request(b"GET", url.text.encode("ascii"), _HEADERS)
        except FaultError:
            raise
        except Exception:
            raise _translate(url.host, Failure()) from None
        return response

    def _policy(self) -> IPolicyForHTTPS:
        """Return the TLS policy; the certificates of the system are read at the first use."""
        if self._tls is None:
            self._tls = BrowserLikePolicyForHTTPS()
        return self._tls

    async def _read(self, url: ImageUrl, response: IResponse, limit: ReceiveLimit) -> FetchedImage:
        if response.code != 200:
            _discard(response)
            message = f"The image could not be fetched: its server responded with status {response.code}."
            raise FaultError(failure(url.host, f"status_{response.code}", message))
        encoding = _header(response, b"content-encoding").strip().lower()
        if encoding not in ("", "identity"):
            _discard(response)
            message = "The image could not be fetched: its server sent it compressed, which is not accepted."
            raise FaultError(failure(url.host, "encoding", message))
        if response.length is not UNKNOWN_LENGTH and response.length > self._max_bytes:
            _discard(response)
            raise FaultError(too_large(url.host, self._max_bytes))
        # Twice the size: the framing of small chunks is not part of the body.
        limit.remaining_bytes = HEAD_BYTES + 2 * self._max_bytes
        body = ImageBody(url.host, _header(response, b"content-type"), self._max_bytes)
        response.deliverBody(body)
        return FetchedImage(*await body.done)


def _discard(response: IResponse) -> None:
    """Close the connection of a response whose body is not wanted."""
    body = ImageBody("", "", 0)
    body.done.addErrback(lambda _: None)
    response.deliverBody(body)
    body.done.cancel()


def _header(response: IResponse, name: bytes) -> str:
    """Return a header; several of one name are joined, as for one that contradicts itself."""
    return ", ".join(value.decode("latin-1") for value in response.headers.getRawHeaders(name, []))


def _translate(host: str, failed: Failure) -> Exception:
    """Return the exception to raise for a request that failed before the head of its response."""
    exceptions = _unwrap(failed)
    if any(isinstance(exception, CancelledError) for exception in exceptions):
        return CancelledError()
    for types, reason, end in _BY_EXCEPTION:
        if any(isinstance(exception, types) for exception in exceptions):
            return FaultError(failure(host, reason, f"The image could not be fetched: {end}."))
    return FaultError(failure(host, "malformed", "The image could not be fetched: its server's response is not HTTP."))


def _unwrap(failed: Failure) -> list[BaseException]:
    """Return an exception and those that Twisted's web client wrapped in it."""
    value = failed.value
    assert value is not None
    inner = value.reasons if isinstance(value, ResponseFailed | RequestTransmissionFailed) else ()
    return [value, *(exception for wrapped in inner for exception in _unwrap(wrapped))]
