"""OpenAI's Conversations API (`/v1/conversations`): bodies to what is kept, and what is kept to bodies."""

from codexd.fronts.conversations.answer import deleted, item, shown, unknown, unknown_item
from codexd.fronts.conversations.request import add, create, update

__all__ = ["add", "create", "deleted", "item", "shown", "unknown", "unknown_item", "update"]
