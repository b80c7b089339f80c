"""The route table, and nothing else. Paths are canonical here: path.py makes one of every spelling."""

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from codexd.http.desk import Desk
from codexd.http.doors import Doors
from codexd.http.probes import Probes
from codexd.http.request import Request


class Routes:
    """Where each path leads."""

    app = Klein()

    def __init__(self, desk: Desk, doors: Doors, probes: Probes) -> None:
        self._desk = desk
        self._doors = doors
        self._probes = probes

    @app.route("/v1/chat/completions", methods=["POST"])
    def chat(self, request: Request) -> Deferred[bytes | None]:
        """Answer in Chat Completions."""
        return self._desk.answer(request.at("/v1/chat/completions"), self._doors.chat)

    @app.route("/v1/responses", methods=["POST"])
    def responses(self, request: Request) -> Deferred[bytes | None]:
        """Answer in Responses."""
        return self._desk.answer(request.at("/v1/responses"), self._doors.responses)

    @app.route("/v1/models", methods=["GET"])
    def models(self, request: Request) -> bytes:
        """List the models."""
        return self._desk.models(request.at("/v1/models"))

    @app.route("/v1/models/<path:id>", methods=["GET"])
    def model(self, request: Request, id: str) -> bytes:
        """Show one model; its id may hold slashes."""
        return self._desk.model(request.at("/v1/models/{id}"), id)

    @app.route("/livez", methods=["GET"])
    def live(self, request: Request) -> bytes:
        """Tell whether the daemon lives."""
        return self._probes.live(request.at("/livez"))

    @app.route("/readyz", methods=["GET"])
    def ready(self, request: Request) -> bytes:
        """Tell whether a request would be answered."""
        return self._probes.ready(request.at("/readyz"))

    @app.route("/healthz", methods=["GET"])
    def health(self, request: Request) -> bytes:
        """Tell both."""
        return self._probes.health(request.at("/healthz"))

    @app.route("/metrics", methods=["GET"])
    def metrics(self, request: Request) -> bytes:
        """Show the figures."""
        return self._desk.metrics(request.at("/metrics"))

    @app.handle_errors  # type: ignore[call-overload]
    def failed(self, request: Request, failure: Failure) -> bytes:
        """Answer whatever was raised above."""
        return self._desk.failed(request, failure)
