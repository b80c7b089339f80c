"""Encodes a Responses response for the store: input items with ids, output items with encrypted reasoning."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from codexd.fronts.dialect import ResponseIdentity
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import objects
from codexd.fronts.responses.items import item_type
from codexd.fronts.responses.objects import Echo
from codexd.fronts.responses.state import StateOptions
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.fronts.responses.tool_events import build_encoder
from codexd.neutral.records import frozen
from codexd.neutral.reply import Fold, OutputItem, Reply
from codexd.neutral.stored import ResponseState, StoredItem, StoredResponse
from codexd.wire.json import Json, encode

_MAX_ID_CHARACTERS: Final = 256
"""A longer string is not accepted as an id; OpenAI's have some 50 characters."""

_PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "web_search_call": "ws",
    "compaction": "cmp",
    "tool_search_call": "tsc",
    "tool_search_output": "tso",
    "additional_tools": "at",
}


@frozen(kw_only=True)
class ResponsesStorageEncoder:
    """Encodes one response for the store (`codexd.fronts.dialect.StorageEncoder`).

    Attributes:
        owner: the principal who owns the response.
        state: the state options of the request.
        echo: the members repeated from the request.
        own: the request's own items, references resolved.
        taken_ids: the ids of the history before them.
        conversation_position: the last position of the conversation when it was loaded.
        tool_events: its stream has the additional events of mode `tool-events`.
    """

    owner: str
    state: StateOptions
    echo: Echo
    own: tuple[dict[str, Any], ...]
    taken_ids: frozenset[str] = frozenset()
    conversation_position: int | None = None
    tool_events: bool = False

    @property
    def background(self) -> bool:
        """Whether the response continues without its client."""
        return self.state.background

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> ResponsesEncoder:
        """Build the encoder of the stream that is stored with a background response."""
        return build_encoder(identity, self.echo, folds[0], self.tool_events)

    def encode(self, reply: Reply, identity: ResponseIdentity, state: ResponseState = "over") -> StoredResponse:
        """Encode the response in its current state; its body is the snapshot that its stream ends with."""
        return StoredResponse(
            id=f"resp_{identity.token}",
            owner=self.owner,
            created=identity.created,
            state=state,
            body=objects.render_body(reply, identity, self.echo, state == "queued"),
            input=build_stored_items(self.own, identity.token, self.taken_ids),
            output=tuple(_stored_output(item, state) for item in reply.items),
            previous=self.state.previous,
            conversation=self.state.conversation,
            background=self.state.background,
            position=self.conversation_position,
        )


def build_stored_items(
    own: Sequence[dict[str, Any]], token: str, taken_ids: Collection[str] = ()
) -> tuple[StoredItem, ...]:
    """Return a request's items as they are stored and shown: each with its type, an id and a status.

    An id from the client is kept unless another item has it already. Added and normalized members do not
    change how the item is parsed.

    Args:
        own: the items as received.
        token: hexadecimal, unguessable, unique to this request.
        taken_ids: ids that other items have.
    """
    used = set(taken_ids)
    found: list[StoredItem] = []
    for index, one in enumerate(own):
        type = item_type(Fields(one))
        id = one.get("id")
        if not isinstance(id, str) or not 0 < len(id) <= _MAX_ID_CHARACTERS or id in used:
            id = f"{_PREFIXES.get(type, 'item')}_{token}{index:04x}"
        used.add(id)
        status = "completed" if one.get("status") is None else one["status"]
        head = {"id": id, "type": type, "status": status}
        normalized = _without_null(_NORMALIZERS.get(type, dict)(one))
        rest = {name: value for name, value in normalized.items() if name not in head}
        found.append(StoredItem(id, encode(head | rest)))
    return tuple(found)


def _without_null(item: dict[str, Any]) -> dict[str, Any]:
    """Remove null members of an item and of its parts: null is parsed as absent."""
    members = _without_null_members(item)
    for name in ("content", "output"):
        if isinstance(members.get(name), list):
            members[name] = [_without_null_members(part) if isinstance(part, dict) else part for part in members[name]]
    return members


def _without_null_members(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _message(item: dict[str, Any]) -> dict[str, Any]:
    """Expand string content to parts, as OpenAI shows it."""
    content = item.get("content")
    part = "output_text" if item.get("role") == "assistant" else "input_text"
    parts = [{"type": part, "text": content}] if isinstance(content, str) else content or []
    return item | {"content": [_part(one) for one in parts]}


def _part(part: Json) -> Json:
    """Add the lists that OpenAI shows with every text of an assistant."""
    if part.get("type") != "output_text":
        return part
    return {"annotations": [], "logprobs": [], **_without_null_members(part)}


def _reasoning(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"summary": item.get("summary") or []}


_NORMALIZERS: Final = {"message": _message, "reasoning": _reasoning}


def _stored_output(item: OutputItem, state: ResponseState) -> StoredItem:
    """Encode an output item; unfinished ones are `in_progress` while the response runs, not `incomplete`."""
    assert item.id is not None, "output items have ids"
    growing = state == "running" and not item.complete
    return StoredItem(item.id, encode(objects.build_item(item, True, "in_progress" if growing else None)))
