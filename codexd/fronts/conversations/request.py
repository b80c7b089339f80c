"""Bodies of `/v1/conversations`: what is to be kept of them.

Items are read by the reader of a Responses request's `input`, which is what they will be.
"""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from codexd.fronts import reading, vocabulary
from codexd.fronts.exchange import Terms
from codexd.fronts.modes import TOOL_MESSAGES
from codexd.fronts.reading import Fields
from codexd.fronts.responses.history import History
from codexd.fronts.responses.items import kind
from codexd.fronts.responses.keeping import kept_items
from codexd.neutral.kept import KeptConversation, KeptItem
from codexd.wire.json import decode, encode

ITEMS: Final = 20
"""How many items may be added at once (OpenAI)."""


def create(
    body: bytes, terms: Terms, token: str, created: int
) -> tuple[KeptConversation, tuple[KeptItem, ...]]:
    """Read a body of `POST /v1/conversations`: the conversation it makes, and its first items.

    Args:
        body: JSON, already decompressed and limited in size.
        terms: on whose behalf, and in which modes.
        token: hexadecimal, unguessable, this request's alone.
        created: Unix time in seconds.

    Raises:
        Refused: for what is wrong with the body, with the path of the field at fault as `param`.
    """
    fields = reading.body(body)
    id = f"conv_{token}"
    shown = {"id": id, "object": "conversation", "created_at": created, "metadata": _metadata(fields)}
    items = _items(fields, terms, token)
    return KeptConversation(id, terms.principal, created, encode(shown)), items


def update(body: bytes, kept: KeptConversation) -> KeptConversation:
    """Read a body of `POST /v1/conversations/{id}`: the conversation with its new metadata.

    Raises:
        Refused: as `create` does, and `missing` without `metadata`, which may be null.
    """
    fields = reading.body(body)
    if "metadata" not in fields.value:
        reading.missing("metadata")
    return evolve(kept, body=encode(decode(kept.body) | {"metadata": _metadata(fields)}))


def add(body: bytes, terms: Terms, token: str, before: Sequence[KeptItem]) -> tuple[KeptItem, ...]:
    """Read a body of `POST /v1/conversations/{id}/items`: the items it adds.

    Args:
        body: JSON, already decompressed and limited in size.
        terms: on whose behalf, and in which modes.
        token: hexadecimal, unguessable, this request's alone.
        before: what the conversation holds, oldest first; a tool's output may answer a call in it.

    Raises:
        Refused: as `create` does, and `missing` without `items`.
    """
    fields = reading.body(body)
    fields.required_array("items")
    return _items(fields, terms, token, before)


def _metadata(fields: Fields) -> dict[str, str]:
    return dict(vocabulary.metadata(fields))


def _items(fields: Fields, terms: Terms, token: str, before: Sequence[KeptItem] = ()) -> tuple[KeptItem, ...]:
    if len(fields.array("items") or ()) > ITEMS:
        reading.wrong_value("items", f"expected at most {ITEMS} items")
    said = History(tool_messages=TOOL_MESSAGES in terms.modes)
    for kept in before:
        said.recall(kept)
    for item in fields.objects("items"):
        if kind(item) == "item_reference":
            reading.unsupported(item.path, "A conversation holds items, not references to them.")
        said.take(item)
    return kept_items(said.own, token, [item.id for item in before])
