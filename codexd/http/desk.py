"""Where a request that has come in is seen to: who asks, what is asked, and the answer begun."""

from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from werkzeug.exceptions import MethodNotAllowed, NotFound

from codexd.fronts import models
from codexd.fronts.exchange import Terms
from codexd.http.answer import Answer
from codexd.http.doors import Door
from codexd.http.guard import Guard
from codexd.http.house import House
from codexd.http.request import Request
from codexd.neutral.fault import Refused, fault
from codexd.neutral.kept import Recalled
from codexd.observe.metrics import CONTENT_TYPE

_SHOWN: Final = 64  # characters of a model's name that are remembered


@frozen
class Desk:
    """Sees to requests.

    Attributes:
        guard: tells who asks and reads bodies.
        house: what answers need.
    """

    guard: Guard
    house: House

    def answer(self, request: Request, door: Door) -> Deferred[bytes | None]:
        """Begin an answer.

        Raises:
            Refused: for whatever is wrong with the request.
        """
        record = request.record
        record.front = door.front
        record.principal = self.guard.admit(request)
        if self.house.doorman.closed:
            raise Refused(fault("shutting_down"))
        terms = Terms(record.principal, show_reasoning=self.house.settings.reasoning_content)
        exchange = door.read(self.guard.body(request), terms).complete(Recalled())
        record.model = _harmless(exchange.turn.model)
        record.stream = exchange.stream
        return Answer(self.house, request, exchange).begin()

    def models(self, request: Request) -> bytes:
        """List the models."""
        request.record.principal = self.guard.admit(request)
        return request.send(200, models.render(self.house.backend.models()))

    def model(self, request: Request, id: str) -> bytes:
        """Show one model.

        Raises:
            Refused: `unknown_model`.
        """
        request.record.principal = self.guard.admit(request)
        return request.send(200, models.render_one(self.house.backend.models(), id))

    def metrics(self, request: Request) -> bytes:
        """Show the figures."""
        request.record.principal = self.guard.admit(request)
        return request.send(200, self.house.journal.metrics.render(), CONTENT_TYPE)

    def failed(self, request: Request, failure: Failure) -> bytes:
        """Answer a request that failed before its answer began."""
        error = failure.value
        if isinstance(error, Refused):
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
