"""The Chat Completions dialect: `POST /v1/chat/completions`."""

from codexd.fronts.chat.decoded_request import DecodedChatRequest
from codexd.fronts.chat.request import adapt_responses_turn, decode, is_responses_shaped

__all__ = [
    "DecodedChatRequest",
    "adapt_responses_turn",
    "decode",
    "is_responses_shaped",
]
