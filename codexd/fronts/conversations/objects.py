"""Response bodies of conversations and their items; lists of items are in `codexd.fronts.pagination`."""

from collections.abc import Collection

from codexd.fronts import errors
from codexd.fronts.responses import stored
from codexd.neutral.fault import Fault
from codexd.neutral.stored import StoredConversation, StoredItem
from codexd.wire.json import encode


def render_conversation(conversation: StoredConversation) -> bytes:
    """Render a conversation (OpenAI `Conversation`)."""
    return conversation.body


def render_deleted(id: str) -> bytes:
    """Render the response to `DELETE /v1/conversations/{id}`."""
    return encode({"id": id, "object": "conversation.deleted", "deleted": True})


def render_item(kept_item: StoredItem, include: Collection[str] = ()) -> bytes:
    """Render one item; encrypted reasoning only if `include` names it."""
    return stored.render_item(kept_item, include)


def conversation_not_found(id: str) -> Fault:
    """Return the fault for a conversation that does not exist or belongs to another principal."""
    return errors.not_found("conversation_not_found", "Conversation", id)


def item_not_found(id: str) -> Fault:
    """Return the fault for an item that is not in the conversation."""
    return errors.not_found("item_not_found", "Item", id)
