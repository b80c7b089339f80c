"""Handler of the endpoints whose requests are forwarded to an upstream: moderations, images, audio."""

from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred

from codexd.fronts import forwarding
from codexd.http.body import read_body
from codexd.http.dependencies import Dependencies
from codexd.http.forwarded_response import ForwardedResponse
from codexd.http.handlers.create import printable_model_name
from codexd.http.request import Request

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
        answers = self.dependencies.answers
        self.dependencies.check_accepting()
        body = read_body(request, self.dependencies.http.max_body_bytes, (forwarding.FORM,))
        accept = request.getHeader(b"accept")
        if accept is not None and len(accept) > _MAX_ACCEPT_BYTES:
            accept = None
        decoded = forwarding.decode(path, request.getHeader(b"content-type") or b"", accept, body)
        request.record.model = printable_model_name(decoded.model or "")
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
