"""Handler of `/v1/embeddings`: passes the request on and returns the upstream's response unchanged."""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred

from codexd.answers.registry import ActiveAnswers
from codexd.context import CLIENT_DISCONNECTED
from codexd.fronts import embeddings
from codexd.fronts.embeddings import EmbeddingsRequest
from codexd.http.dependencies import Dependencies
from codexd.http.handlers.create import printable_model_name
from codexd.http.request import Request
from codexd.neutral.fault import FaultError, fault
from codexd.observe.metrics import Metrics
from codexd.policy.estimate import text_tokens


@frozen
class EmbeddingsHandler:
    """Create embeddings at an upstream."""

    dependencies: Dependencies

    def embed(self, request: Request) -> Deferred[bytes]:
        """Pass a request for embeddings on.

        Raises:
            FaultError: for whatever is wrong with the request.
        """
        request.record.dialect = "embeddings"
        self.dependencies.check_accepting()
        limits = self.dependencies.bodies.limits
        decoded = self.dependencies.bodies.decode(request, lambda body: embeddings.decode(body, limits))
        return Deferred.fromCoroutine(self._embed(request, decoded))

    async def _embed(self, request: Request, decoding: EmbeddingsRequest | Deferred[EmbeddingsRequest]) -> bytes:
        decoded = await decoding if isinstance(decoding, Deferred) else decoding
        request.record.model = printable_model_name(decoded.model)
        self.dependencies.keys.check_model(request.context.policy, decoded.model)
        self.dependencies.keys.reserve_tokens(request, text_tokens(len(decoded.body)))
        answers = self.dependencies.answers
        embedder = self.dependencies.embedder
        passthrough = Passthrough(answers.active, answers.request_log.metrics, request)
        return await passthrough.run(lambda: embedder.embed(decoded.model, decoded.with_model, request.context))


class Passthrough:
    """One request that is passed on; draining waits for it (`codexd.answers.registry.Drainable`)."""

    def __init__(self, active: ActiveAnswers, metrics: Metrics, request: Request) -> None:
        self._active = active
        self._metrics = metrics
        self._request = request
        self._response: Deferred[bytes] | None = None
        self._shut_down = False

    async def run(self, send: Callable[[], Deferred[bytes]]) -> bytes:
        """Send the request and return the body of its response. Cancel it when the client is gone.

        Raises:
            FaultError: from the upstream; `shutting_down`.
        """
        self._active.add(self)
        try:
            self._response = send()
            return self._request.send(200, await self._response)
        except CancelledError:
            if self._shut_down:
                raise FaultError(fault("shutting_down")) from None
            self._request.record.outcome = CLIENT_DISCONNECTED
            self._metrics.count("client_disconnected")
            raise
        finally:
            self._active.remove(self)

    def shut_down(self) -> None:
        """End with `shutting_down`, now (Drainable)."""
        self._shut_down = True
        if self._response is not None:
            self._response.cancel()

    def abandon(self) -> None:
        """Do nothing: `shut_down` has ended it (Drainable)."""
