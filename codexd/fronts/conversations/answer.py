"""Conversations and their items as they are shown; lists of items are in `codexd.fronts.listing`."""

from collections.abc import Collection

from codexd.fronts import errors
from codexd.fronts.responses import kept
from codexd.neutral.fault import Fault
from codexd.neutral.kept import KeptConversation, KeptItem
from codexd.wire.json import encode


def shown(conversation: KeptConversation) -> bytes:
    """Write a conversation (OpenAI `Conversation`)."""
    return conversation.body


def deleted(id: str) -> bytes:
    """Write what answers `DELETE /v1/conversations/{id}`."""
    return encode({"id": id, "object": "conversation.deleted", "deleted": True})


def item(kept_item: KeptItem, include: Collection[str] = ()) -> bytes:
    """Write one item; sealed reasoning only where `include` asks."""
    return kept.item(kept_item, include)


def unknown(id: str) -> Fault:
    """Give the fault for a conversation that is not there, or is somebody else's."""
    return errors.absent("conversation_not_found", "Conversation", id)


def unknown_item(id: str) -> Fault:
    """Give the fault for an item that is not in the conversation."""
    return errors.absent("item_not_found", "Item", id)
