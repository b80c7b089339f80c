"""The content of compaction items: a summary as text, in a form that clients send back unchanged.

OpenAI encrypts the summary. codexd does not: the item's `encrypted_content` is Base64 of a JSON object, which anybody
can read. Content of any other form was encrypted by another server.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from codexd.fronts.json_fields import Fields
from codexd.neutral.turn import Compaction, Item, Message
from codexd.wire import json

TYPES: Final = ("compaction", "compaction_summary", "context_compaction")
"""The types of the item; the second and third are Codex's."""

TRIGGER: Final = "compaction_trigger"
"""Codex's last input item in a request for a compaction in place of an answer."""

_PREFIX: Final = "codexd-summary-1."


def encode_content(item: Compaction) -> str:
    """Encode the content of an item (OpenAI `encrypted_content`)."""
    if item.encrypted is not None:
        return item.encrypted
    content = json.encode({"summary": item.summary or "", "replaces_history": item.replaces_history})
    return _PREFIX + urlsafe_b64encode(content).decode()


def parse_compaction(item: Fields) -> Compaction:
    """Parse a compaction item; content that is not codexd's is kept as it is.

    Raises:
        FaultError: `missing` or `wrong_type` for its content.
    """
    encrypted, id = item.required_text("encrypted_content"), item.text("id")
    content = _decode_content(encrypted)
    if content is None:
        return Compaction(encrypted=encrypted, id=id)
    return Compaction(summary=content["summary"], replaces_history=content.get("replaces_history") is True, id=id)


def _decode_content(encrypted: str) -> dict[str, Any] | None:
    if not encrypted.startswith(_PREFIX):
        return None
    try:
        content = json.decode(urlsafe_b64decode(encrypted[len(_PREFIX) :].encode()))
    except (ValueError, json.JsonError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("summary"), str) else None


def drop_replaced(items: list[Item]) -> list[Item]:
    """Drop what the last compaction of the whole history stands for, except system and developer messages."""
    replacing = [at for at, item in enumerate(items) if type(item) is Compaction and item.replaces_history]
    if not replacing:
        return items
    last = replacing[-1]
    return [item for item in items[:last] if is_system(item)] + items[last:]


def is_system(item: Item) -> bool:
    """Return whether an item is a system or developer message, which no summary replaces."""
    return isinstance(item, Message) and item.role in ("system", "developer")
