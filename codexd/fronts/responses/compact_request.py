"""`POST /v1/responses/compact`: a request for a shorter history in place of an answer."""

from collections.abc import Iterator, Sequence

from attrs import evolve, field

from codexd.fronts import json_fields
from codexd.fronts.dialect import Encoder, RequestOptions, ResponseIdentity
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import objects
from codexd.fronts.responses.history import iterate_items
from codexd.fronts.responses.items import item_type
from codexd.fronts.responses.pending_request import PendingResponsesRequest, build_pending
from codexd.fronts.responses.storage_encoder import build_stored_items
from codexd.neutral.event import Usage
from codexd.neutral.records import frozen
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.stored import HistoryQuery, LoadedHistory
from codexd.neutral.turn import CompactionRequest, Turn
from codexd.wire import json

_NOT_STORED = {"store": False, "background": None, "stream": None, "context_management": None}


@frozen
class DecodedCompactRequest:
    """A decoded request for a compaction (`codexd.fronts.dialect.DecodedRequest`).

    Attributes:
        turn: asks for the compaction.
        user_messages: the history's user messages, in OpenAI's form.
    """

    turn: Turn
    user_messages: tuple[dict[str, json.Json], ...]
    stream: bool = field(default=False, init=False)
    storage: None = field(default=None, init=False)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turn of the only choice."""
        return (self.turn,)

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> Encoder:
        """Refuse: the response is never streamed.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a compaction is not streamed")

    def render(self, replies: tuple[Reply, ...], identity: ResponseIdentity) -> bytes:
        """Render OpenAI's CompactedResponse: the user messages, then the compaction item."""
        reply = replies[0]
        compaction = (json.encode(objects.build_item(item, False)) for item in reply.items)
        head = {"id": f"resp_{identity.token}", "object": "response.compaction", "created_at": identity.created}
        usage = objects.build_usage(reply.usage or Usage(estimated=True))
        body = json.encode(head | {"usage": usage})
        messages = (message.body for message in build_stored_items(self.user_messages, identity.token))
        return objects.assemble_response(body, (*messages, *compaction))


@frozen
class PendingCompactRequest:
    """A request for a compaction whose history is not loaded yet (`codexd.fronts.dialect.PendingRequest`)."""

    _pending: PendingResponsesRequest
    _fields: Fields

    @property
    def history_query(self) -> HistoryQuery:
        """The stored history to load."""
        return self._pending.history_query

    def complete(self, loaded: LoadedHistory) -> DecodedCompactRequest:
        """Decode the rest of the request; raises FaultError as PendingResponsesRequest does."""
        turn = self._pending.complete(loaded).turn
        messages = tuple(_user_messages(self._fields, loaded))
        return DecodedCompactRequest(evolve(turn, compaction=CompactionRequest()), messages)


def decode_compact_request(body: bytes, options: RequestOptions) -> PendingCompactRequest:
    """Decode a body of `POST /v1/responses/compact`; the response is neither stored nor streamed.

    Raises:
        FaultError: as `decode_pending`.
    """
    fields = Fields(json_fields.parse_body(body, options.limits).value | _NOT_STORED)
    return PendingCompactRequest(build_pending(fields, options), fields)


def _user_messages(fields: Fields, loaded: LoadedHistory) -> Iterator[dict[str, json.Json]]:
    """Yield the user messages of the history and of the input, in OpenAI's form."""
    stored = (json.decode(item.body) for item in loaded.history or ())
    own = (_resolve(item, loaded) for item in iterate_items(fields))
    for item in (*stored, *own):
        if item_type(Fields(item)) == "message" and item.get("role") == "user":
            yield item


def _resolve(item: Fields, loaded: LoadedHistory) -> dict[str, json.Json]:
    """Return an item, or the stored item that it refers to."""
    if item_type(item) != "item_reference":
        return item.value
    referenced: dict[str, json.Json] = json.decode(loaded.items[item.required_name("id")].body)
    return referenced
