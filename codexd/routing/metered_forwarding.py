"""Counts the tokens of embeddings and of forwarded requests for the record and the API key of the request."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEmbedder, IForwarder, IForwardingHandle, IForwardingReceiver
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault
from codexd.neutral.forwarded import ForwardedHead, ForwardedRequest
from codexd.policy.estimate import forwarded_tokens, text_tokens
from codexd.policy.provider_charge import ProviderCharge
from codexd.policy.reported_usage import WINDOW_BYTES, find_usage


@implementer(IEmbedder)
class MeteredEmbedder:
    """Wraps an embedder: counts the usage of its response; without one, an estimate.

    Args:
        embedder: the wrapped embedder.
    """

    def __init__(self, embedder: IEmbedder) -> None:
        self._embedder = embedder

    def embed(self, model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        """Request embeddings (IEmbedder)."""
        charge = ProviderCharge(context.record, context.charge)
        sizes: list[int] = []

        def encode(own_name: str) -> bytes:
            body = encode_body(own_name)
            sizes.append(len(body))
            return body

        def count(result: Any) -> Any:
            used = Usage(input_tokens=text_tokens(sizes[-1] if sizes else 0), estimated=True)
            if isinstance(result, Failure):
                if charge.sent and result.check(CancelledError):  # the client is gone, the upstream has the request
                    charge.spend(used)
            else:
                charge.spend(find_usage(result[:WINDOW_BYTES], result[-WINDOW_BYTES:]) or used)
            return result

        return self._embedder.embed(model, encode, evolve(context, provider_charge=charge)).addBoth(count)


@implementer(IForwarder)
class MeteredForwarder:
    """Wraps a forwarder: counts the usage that is in its response.

    Without one the estimate of a request in JSON counts, and nothing for audio or images, whose size says nothing.

    Args:
        forwarder: the wrapped forwarder.
    """

    def __init__(self, forwarder: IForwarder) -> None:
        self._forwarder = forwarder

    def forward(
        self, model: str | None, request: ForwardedRequest, context: RequestContext, receiver: IForwardingReceiver
    ) -> IForwardingHandle:
        """Forward a request (IForwarder)."""
        charge = ProviderCharge(context.record, context.charge)
        metered = MeteredForwarding(charge, forwarded_tokens(request), receiver)
        metered.handle = self._forwarder.forward(model, request, evolve(context, provider_charge=charge), metered)
        return metered


@implementer(IForwardingReceiver, IForwardingHandle)
class MeteredForwarding:
    """One forwarded request: between its upstream and its receiver.

    Attributes:
        receiver: receives the response.
        handle: of the upstream.
    """

    def __init__(self, charge: ProviderCharge, estimated_tokens: int, receiver: IForwardingReceiver) -> None:
        self._charge = charge
        self._estimated_tokens = estimated_tokens
        self.receiver = receiver
        self._beginning = self._end = b""
        self._opened = self._counted = False
        self.handle: IForwardingHandle | None = None

    # IForwardingReceiver

    def open(self, head: ForwardedHead) -> None:
        """Begin the response (IForwardingReceiver)."""
        self._opened = True
        self.receiver.open(head)

    def write(self, data: bytes) -> None:
        """Pass a piece on, and keep what may contain the usage (IForwardingReceiver)."""
        if len(self._beginning) < WINDOW_BYTES:
            self._beginning += data[: WINDOW_BYTES - len(self._beginning)]
        self._end = (self._end + data[-WINDOW_BYTES:])[-WINDOW_BYTES:]
        self.receiver.write(data)

    def finish(self) -> None:
        """End the response (IForwardingReceiver)."""
        self._count()
        self.receiver.finish()

    def fail(self, fault: Fault) -> None:
        """End the response with a failure, which is free if it came in place of the response (IForwardingReceiver)."""
        if self._opened:
            self._count()
        self.receiver.fail(fault)

    # IForwardingHandle

    def cancel(self) -> None:
        """Cancel the request, which is free until the upstream has it (IForwardingHandle)."""
        if self._charge.sent:
            self._count()
        if self.handle is not None:
            self.handle.cancel()

    def pause(self) -> None:
        """Pause the response (IForwardingHandle)."""
        if self.handle is not None:
            self.handle.pause()

    def resume(self) -> None:
        """Resume the response (IForwardingHandle)."""
        if self.handle is not None:
            self.handle.resume()

    def _count(self) -> None:
        if not self._counted:
            self._counted = True
            used = find_usage(self._beginning, self._end)
            self._charge.spend(used or Usage(input_tokens=self._estimated_tokens, estimated=True))
