"""The Chat Completions dialect: `POST /v1/chat/completions`."""

from codexd.fronts.chat.exchange import ChatExchange
from codexd.fronts.chat.request import adopt, decode, is_responses_shaped

__all__ = ["ChatExchange", "adopt", "decode", "is_responses_shaped"]
