"""Decoders of `/v1/conversations` request bodies.

Items are parsed by the parser of a Responses request's `input`, as they become part of one.
"""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from codexd.fronts import json_fields, parameters
from codexd.fronts.compatibility import TOOL_MESSAGES
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses.history import InputHistory
from codexd.fronts.responses.items import item_type
from codexd.fronts.responses.storage_encoder import build_stored_items
from codexd.fronts.responses.tools import check_item_tools
from codexd.neutral.stored import StoredConversation, StoredItem
from codexd.wire.json import decode, encode

MAX_ITEMS: Final = 20
"""The maximum number of items that can be added at once (OpenAI)."""


def decode_new_conversation(
    body: bytes, options: RequestOptions, token: str, created: int
) -> tuple[StoredConversation, tuple[StoredItem, ...]]:
    """Decode a body of `POST /v1/conversations` to the new conversation and its first items.

    Args:
        body: JSON, already decompressed and limited in size.
        options: whose request it is, and its compatibility modes.
        token: hexadecimal, unguessable, unique to this request.
        created: Unix time in seconds.

    Raises:
        FaultError: for an invalid body, with the path of the invalid field as `param`.
    """
    fields = json_fields.parse_body(body)
    id = f"conv_{token}"
    shown = {"id": id, "object": "conversation", "created_at": created, "metadata": _metadata(fields)}
    items = _items(fields, options, token)
    return StoredConversation(id, options.principal, created, encode(shown)), items


def decode_update(body: bytes, stored: StoredConversation) -> StoredConversation:
    """Decode a body of `POST /v1/conversations/{id}`; return the conversation with its new metadata.

    Raises:
        FaultError: as `decode_new_conversation`, and `missing` without `metadata`, which may be null.
    """
    fields = json_fields.parse_body(body)
    if "metadata" not in fields.value:
        json_fields.raise_missing("metadata")
    return evolve(stored, body=encode(decode(stored.body) | {"metadata": _metadata(fields)}))


def decode_new_items(
    body: bytes, options: RequestOptions, token: str, before: Sequence[StoredItem]
) -> tuple[StoredItem, ...]:
    """Decode a body of `POST /v1/conversations/{id}/items` to the items that it adds.

    Args:
        body: JSON, already decompressed and limited in size.
        options: whose request it is, and its compatibility modes.
        token: hexadecimal, unguessable, unique to this request.
        before: the items of the conversation, oldest first; a tool output may answer a call among them.

    Raises:
        FaultError: as `decode_new_conversation`, and `missing` without `items`.
    """
    fields = json_fields.parse_body(body)
    fields.required_array("items")
    return _items(fields, options, token, before)


def _metadata(fields: Fields) -> dict[str, str]:
    return dict(parameters.parse_metadata(fields))


def _items(
    fields: Fields, options: RequestOptions, token: str, before: Sequence[StoredItem] = ()
) -> tuple[StoredItem, ...]:
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
    check_item_tools(input_history.tool_items, options.drop_hosted)
    return build_stored_items(input_history.own, token, [item.id for item in before])
