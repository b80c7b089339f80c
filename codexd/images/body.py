"""Receives the body of an image: counts its bytes while they arrive, and looks at the first ones."""

from typing import Any

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from codexd.neutral.fault import Fault, FaultError
from codexd.policy.image_types import SNIFFED_BYTES, contradicts, sniff_image_type
from codexd.policy.image_urls import failure


class ImageBody(protocol.Protocol):
    """Collects the body of one image, and closes its connection as soon as it is not acceptable.

    Args:
        host: of the image, for the log.
        content_type: the header of the response; empty if it has none.
        limit_bytes: the maximum size.

    Attributes:
        done: fires with the media type and the bytes, or fails with FaultError. Cancelling it closes the connection.
    """

    transport: Any

    def __init__(self, host: str, content_type: str, limit_bytes: int) -> None:
        self.done: Deferred[tuple[str, bytes]] = Deferred(lambda _: self._close())
        self._host = host
        self._content_type = content_type
        self._limit_bytes = limit_bytes
        self._body = bytearray()
        self._media: str | None = None
        self._over = False

    def dataReceived(self, data: bytes) -> None:
        """Collect bytes (IProtocol)."""
        if self._over:
            return
        if len(self._body) + len(data) > self._limit_bytes:
            self._refuse(too_large(self._host, self._limit_bytes))
            return
        self._body += data
        if self._media is None and len(self._body) >= SNIFFED_BYTES:
            self._recognise()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """End the body (IProtocol). A body without a length ends with its connection."""
        if self._over:
            return
        if not reason.check(ResponseDone, PotentialDataLoss):
            message = "The image could not be fetched: the connection to its server was lost."
            self._refuse(failure(self._host, "lost", message))
            return
        if self._media is None:
            self._recognise()
        if self._media is not None and not self._over:
            self._over = True
            self.done.callback((self._media, bytes(self._body)))

    def _recognise(self) -> None:
        media = sniff_image_type(bytes(self._body[:SNIFFED_BYTES]))
        if media is None:
            message = "The URL does not lead to an image of a supported type (png, jpeg, gif, webp)."
            self._refuse(failure(self._host, "type", message, "image_type"))
        elif contradicts(self._content_type, media):
            message = f"The content of the image is {media}, but the content-type of its server is another."
            self._refuse(failure(self._host, "type", message, "image_type"))
        else:
            self._media = media

    def _refuse(self, fault: Fault) -> None:
        self._close()
        self.done.errback(FaultError(fault))

    def _close(self) -> None:
        self._over = True
        if self.transport is not None:
            self.transport.loseConnection()


def too_large(host: str, limit_bytes: int) -> Fault:
    """Build the Fault of an image beyond the limit."""
    message = f"The image is larger than {limit_bytes} bytes (images.max_bytes)."
    return failure(host, "size", message, "image_too_large")
