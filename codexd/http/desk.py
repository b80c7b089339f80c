"""Where a request that has come in is seen to: who asks, what is asked, and the answer begun."""

from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from werkzeug.exceptions import MethodNotAllowed, NotFound

from codexd.fronts import embeddings, models
from codexd.fronts.dialect import DecodedRequest, PendingRequest
from codexd.http.answer import Answer
from codexd.http.doors import Door
from codexd.http.errand import Errand
from codexd.http.guard import Guard
from codexd.http.house import House
from codexd.http.request import Request
from codexd.http.works import Works
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import LoadedHistory
from codexd.observe.metrics import CONTENT_TYPE

_SHOWN: Final = 64  # characters of a model's name that are remembered


@frozen
class Desk:
    """Sees to requests.

    Attributes:
        guard: tells who asks and reads bodies.
        house: what answers need.
        works: takes answers in the background.
    """

    guard: Guard
    house: House
    works: Works

    def answer(self, request: Request, door: Door) -> Deferred[bytes | None]:
        """Begin an answer.

        Raises:
            FaultError: for whatever is wrong with the request.
        """
        request.record.front = door.front
        terms = self.house.terms(self.guard.admit(request), request.getHeader)
        if self.house.doorman.closed:
            raise FaultError(fault("shutting_down"))
        draft = door.read(self.guard.body(request), terms)
        if draft.history_query.is_empty:
            return self._begin(request, draft.complete(LoadedHistory()))
        return Deferred.fromCoroutine(self._go_on(request, draft))

    async def _go_on(self, request: Request, draft: PendingRequest) -> bytes | None:
        store = await self.house.memory()
        return await self._begin(request, draft.complete(await store.load_history(draft.history_query)))

    def _begin(self, request: Request, exchange: DecodedRequest) -> Deferred[bytes | None]:
        record, keeping = request.record, exchange.storage
        record.model = _harmless(exchange.turn.model)
        record.stream = exchange.stream
        if keeping is not None and keeping.background:
            return Deferred.fromCoroutine(self.works.answer(request, exchange, keeping))
        return Answer(self.house, request, exchange).begin()

    def embed(self, request: Request) -> Deferred[bytes]:
        """Ask for embeddings; no answer of ours, and so nothing is kept or shown but what comes back.

        Raises:
            FaultError: for whatever is wrong with the request.
        """
        request.record.front = "embeddings"
        self.guard.admit(request)
        asked = embeddings.decode(self.guard.body(request))
        request.record.model = _harmless(asked.model)
        errand = Errand(self.house, request, lambda: self.house.embedder.embed(asked.model, asked.with_model))
        return Deferred.fromCoroutine(errand.run())

    def models(self, request: Request) -> bytes:
        """List the models."""
        self.guard.admit(request)
        return request.send(200, models.render_models(self.house.backend.models()))

    def model(self, request: Request, id: str) -> bytes:
        """Show one model.

        Raises:
            FaultError: `unknown_model`.
        """
        self.guard.admit(request)
        return request.send(200, models.render_model(self.house.backend.models(), id))

    def metrics(self, request: Request) -> bytes:
        """Show the figures."""
        self.guard.admit(request)
        return request.send(200, self.house.journal.metrics.render(), CONTENT_TYPE)

    def failed(self, request: Request, failure: Failure) -> bytes:
        """Answer a request that failed before its answer began."""
        error = failure.value
        if isinstance(error, FaultError):
            return request.refuse(error.fault)
        if isinstance(error, NotFound):
            return request.refuse(fault("no_such_path"))
        if isinstance(error, MethodNotAllowed):
            allowed = sorted((*(error.valid_methods or ()), "OPTIONS"))
            request.setHeader(b"allow", ", ".join(allowed).encode())
            return request.refuse(fault("method_not_allowed"))
        return request.broke(failure)


def _harmless(name: str) -> str:
    """Give a name that a client made up as a log may show it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:_SHOWN])
