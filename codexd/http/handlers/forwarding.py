"""Handler of the endpoints whose requests are forwarded to an upstream: moderations, images, audio."""

from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred

from codexd.fronts import forwarding
from codexd.http.dependencies import Dependencies
from codexd.http.forwarded_response import ForwardedResponse
from codexd.http.handlers.create import printable_model_name
from codexd.http.request import Request
from codexd.neutral.forwarded import ForwardedRequest
from codexd.policy.estimate import forwarded_tokens

_MAX_ACCEPT_BYTES: Final = 256


@frozen
class ForwardingHandler:
    """Forward requests."""

    dependencies: Dependencies

    def forward(self, request: Request, path: str) -> Deferred[bytes | None]:
        """Forward a request.

        Args:
            path: of an endpoint of `codexd.fronts.forwarding.ENDPOINTS`.

        Raises:
            FaultError: for whatever is wrong with the request.
        """
        request.record.dialect = forwarding.ENDPOINTS[path]
        self.dependencies.check_accepting()
        accept = request.getHeader(b"accept")
        if accept is not None and len(accept) > _MAX_ACCEPT_BYTES:
            accept = None
        content_type, bodies = request.getHeader(b"content-type") or b"", self.dependencies.bodies
        decoded = bodies.decode(
            request,
            lambda body: forwarding.decode(path, content_type, accept, body, bodies.limits),
            (forwarding.FORM,),
        )
        if isinstance(decoded, Deferred):
            return Deferred.fromCoroutine(self._forward_large(request, decoded))
        return self._start(request, decoded)

    async def _forward_large(self, request: Request, decoding: Deferred[ForwardedRequest]) -> bytes | None:
        return await self._start(request, await decoding)

    def _start(self, request: Request, decoded: ForwardedRequest) -> Deferred[bytes | None]:
        answers = self.dependencies.answers
        request.record.model = printable_model_name(decoded.model or "")
        self.dependencies.keys.check_model(request.context.policy, decoded.model)
        self.dependencies.keys.reserve_tokens(request, forwarded_tokens(decoded))
        response = ForwardedResponse(
            request,
            answers.active,
            answers.request_log.metrics,
            answers.clock,
            self.dependencies.http.write_timeout_seconds,
        )
        forwarder = self.dependencies.forwarder
        response.start(lambda: forwarder.forward(decoded.model, decoded, request.context, response))
        return response.done
