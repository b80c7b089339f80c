"""Decoders of `/v1/conversations` request bodies.

Items are parsed by the parser of a Responses request's `input`, as they become part of one.
"""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from codexd.fronts import json_fields, parameters, used_fields
from codexd.fronts.attachments import reject_attachments
from codexd.fronts.compatibility import TOOL_MESSAGES
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses.compaction import TRIGGER
from codexd.fronts.responses.history import InputHistory
from codexd.fronts.responses.items import item_type
from codexd.fronts.responses.storage_encoder import build_stored_items
from codexd.fronts.responses.tools import check_item_tools
from codexd.neutral.records import frozen
from codexd.neutral.stored import StoredConversation, StoredItem
from codexd.wire.json import decode, encode

MAX_ITEMS: Final = 20
"""The maximum number of items that can be added at once (OpenAI)."""

_KNOWN_CONVERSATION: Final = frozenset(("items", "metadata"))
_KNOWN_ITEMS: Final = frozenset(("items",))


@frozen
class NewItems:
    """The items that a request adds to a conversation.

    Attributes:
        items: as they are stored.
        ignored: the request's fields without effect, and the items that no model will see.
    """

    items: tuple[StoredItem, ...]
    ignored: tuple[str, ...] = ()


def decode_new_conversation(
    body: bytes, options: RequestOptions, token: str, created: int
) -> tuple[StoredConversation, NewItems]:
    """Decode a body of `POST /v1/conversations` to the new conversation and its first items.

    Args:
        body: JSON, already decompressed and limited in size.
        options: whose request it is, and its compatibility modes.
        token: hexadecimal, unguessable, unique to this request.
        created: Unix time in seconds.

    Raises:
        FaultError: for an invalid body, with the path of the invalid field as `param`.
    """
    fields = json_fields.parse_body(body, options.limits)
    id = f"conv_{token}"
    shown = {"id": id, "object": "conversation", "created_at": created, "metadata": _metadata(fields)}
    added = _items(fields, options, token, (), _KNOWN_CONVERSATION)
    return StoredConversation(id, options.principal, created, encode(shown)), added


def decode_update(body: bytes, stored: StoredConversation) -> StoredConversation:
    """Decode a body of `POST /v1/conversations/{id}`; return the conversation with its new metadata.

    Raises:
        FaultError: as `decode_new_conversation`, and `missing` without `metadata`, which may be null.
    """
    fields = json_fields.parse_body(body)
    if "metadata" not in fields.value:
        json_fields.raise_missing("metadata")
    return evolve(stored, body=encode(decode(stored.body) | {"metadata": _metadata(fields)}))


def decode_new_items(body: bytes, options: RequestOptions, token: str, before: Sequence[StoredItem]) -> NewItems:
    """Decode a body of `POST /v1/conversations/{id}/items` to the items that it adds.

    Args:
        body: JSON, already decompressed and limited in size.
        options: whose request it is, and its compatibility modes.
        token: hexadecimal, unguessable, unique to this request.
        before: the items of the conversation, oldest first; a tool output may answer a call among them.

    Raises:
        FaultError: as `decode_new_conversation`, and `missing` without `items`.
    """
    fields = json_fields.parse_body(body, options.limits)
    fields.required_array("items")
    return _items(fields, options, token, before, _KNOWN_ITEMS)


def _metadata(fields: Fields) -> dict[str, str]:
    return dict(parameters.parse_metadata(fields))


def _items(
    fields: Fields, options: RequestOptions, token: str, before: Sequence[StoredItem], known: frozenset[str]
) -> NewItems:
    reject_attachments(fields, "items")
    if len(fields.array("items") or ()) > MAX_ITEMS:
        json_fields.raise_wrong_value("items", f"expected at most {MAX_ITEMS} items")
    input_history = InputHistory(accept_tool_messages=TOOL_MESSAGES in options.modes)
    for stored in before:
        input_history.add_stored(stored)
    for item in fields.objects("items"):
        if item_type(item) == "item_reference":
            json_fields.raise_unsupported(
                item.path, "A conversation cannot contain item references; send the items themselves."
            )
        input_history.add(item)
    dropped = check_item_tools(input_history.tool_items, options.drop_hosted)
    unused = used_fields.find_unused(fields.value, used_fields.CONVERSATIONS)
    skipped = [*input_history.ignored, *_list_trigger(input_history)]
    ignored = (*dropped, *skipped, *fields.ignored(known), *unused)[: json_fields.MAX_IGNORED]
    stored_items = build_stored_items(input_history.own, token, [item.id for item in before])
    return NewItems(stored_items, ignored)


def _list_trigger(input_history: InputHistory) -> tuple[str, ...]:
    """List an item that asks for a compaction, which a conversation does not answer."""
    path = input_history.compaction_trigger
    return () if path is None else (f"{path} ({TRIGGER})",)
