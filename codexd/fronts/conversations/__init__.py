"""OpenAI's Conversations API (`/v1/conversations`): decodes requests, renders stored objects."""

from codexd.fronts.conversations.objects import (
    conversation_not_found,
    item_not_found,
    render_conversation,
    render_deleted,
    render_item,
)
from codexd.fronts.conversations.request import decode_new_conversation, decode_new_items, decode_update

__all__ = [
    "conversation_not_found",
    "decode_new_conversation",
    "decode_new_items",
    "decode_update",
    "item_not_found",
    "render_conversation",
    "render_deleted",
    "render_item",
]
