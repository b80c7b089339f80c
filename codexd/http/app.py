"""The route table, and nothing else. Paths are canonical here: path.py makes one of every spelling."""

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from codexd.http.archive import Archive
from codexd.http.conversations import Conversations
from codexd.http.desk import Desk
from codexd.http.doors import Doors
from codexd.http.identity import PathId
from codexd.http.probes import Probes
from codexd.http.request import Request


class Routes:
    """Where each path leads."""

    app = Klein()
    app.url_map.converters["id"] = PathId

    def __init__(
        self, desk: Desk, archive: Archive, conversations: Conversations, doors: Doors, probes: Probes
    ) -> None:
        self._desk = desk
        self._archive = archive
        self._conversations = conversations
        self._doors = doors
        self._probes = probes

    @app.route("/v1/chat/completions", methods=["POST"])
    def chat(self, request: Request) -> Deferred[bytes | None]:
        """Answer in Chat Completions."""
        return self._desk.answer(request.at("/v1/chat/completions"), self._doors.chat)

    @app.route("/v1/completions", methods=["POST"])
    def completions(self, request: Request) -> Deferred[bytes | None]:
        """Answer in the legacy Completions."""
        return self._desk.answer(request.at("/v1/completions"), self._doors.completions)

    @app.route("/v1/embeddings", methods=["POST"])
    def embeddings(self, request: Request) -> Deferred[bytes]:
        """Pass a request for embeddings on."""
        return self._desk.embed(request.at("/v1/embeddings"))

    @app.route("/v1/responses", methods=["POST"])
    def responses(self, request: Request) -> Deferred[bytes | None]:
        """Answer in Responses."""
        return self._desk.answer(request.at("/v1/responses"), self._doors.responses)

    @app.route("/v1/responses/input_tokens", methods=["POST"])
    async def input_tokens(self, request: Request) -> bytes:
        """Count a request's tokens."""
        return await self._archive.count(request.at("/v1/responses/input_tokens"))

    @app.route("/v1/responses/compact", methods=["POST"])
    def compact(self, request: Request) -> bytes:
        """Refuse to compact a history."""
        return self._archive.compact(request.at("/v1/responses/compact"))

    @app.route("/v1/responses/<id:id>", methods=["GET"])
    async def response(self, request: Request, id: str) -> bytes | None:
        """Show an answer, or its stream."""
        return await self._archive.show(request.at("/v1/responses/{id}"), id)

    @app.route("/v1/responses/<id:id>", methods=["DELETE"])
    async def delete_response(self, request: Request, id: str) -> bytes:
        """Delete an answer."""
        return await self._archive.delete(request.at("/v1/responses/{id}"), id)

    @app.route("/v1/responses/<id:id>/cancel", methods=["POST"])
    async def cancel_response(self, request: Request, id: str) -> bytes:
        """Cancel an answer in the background."""
        return await self._archive.cancel(request.at("/v1/responses/{id}/cancel"), id)

    @app.route("/v1/responses/<id:id>/input_items", methods=["GET"])
    async def input_items(self, request: Request, id: str) -> bytes:
        """List what the model was shown."""
        return await self._archive.input_items(request.at("/v1/responses/{id}/input_items"), id)

    @app.route("/v1/conversations", methods=["POST"])
    async def create_conversation(self, request: Request) -> bytes:
        """Make a conversation."""
        return await self._conversations.create(request.at("/v1/conversations"))

    @app.route("/v1/conversations/<id:id>", methods=["GET"])
    async def conversation(self, request: Request, id: str) -> bytes:
        """Show a conversation."""
        return await self._conversations.show(request.at("/v1/conversations/{id}"), id)

    @app.route("/v1/conversations/<id:id>", methods=["POST"])
    async def update_conversation(self, request: Request, id: str) -> bytes:
        """Change a conversation's metadata."""
        return await self._conversations.update(request.at("/v1/conversations/{id}"), id)

    @app.route("/v1/conversations/<id:id>", methods=["DELETE"])
    async def delete_conversation(self, request: Request, id: str) -> bytes:
        """Delete a conversation."""
        return await self._conversations.delete(request.at("/v1/conversations/{id}"), id)

    @app.route("/v1/conversations/<id:id>/items", methods=["GET"])
    async def items(self, request: Request, id: str) -> bytes:
        """List a conversation's items."""
        return await self._conversations.items(request.at("/v1/conversations/{id}/items"), id)

    @app.route("/v1/conversations/<id:id>/items", methods=["POST"])
    async def add_items(self, request: Request, id: str) -> bytes:
        """Add items to a conversation."""
        return await self._conversations.add(request.at("/v1/conversations/{id}/items"), id)

    @app.route("/v1/conversations/<id:id>/items/<id:item_id>", methods=["GET"])
    async def item(self, request: Request, id: str, item_id: str) -> bytes:
        """Show one item of a conversation."""
        return await self._conversations.item(request.at("/v1/conversations/{id}/items/{item_id}"), id, item_id)

    @app.route("/v1/conversations/<id:id>/items/<id:item_id>", methods=["DELETE"])
    async def delete_item(self, request: Request, id: str, item_id: str) -> bytes:
        """Take an item out of a conversation."""
        return await self._conversations.take_out(request.at("/v1/conversations/{id}/items/{item_id}"), id, item_id)

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
