"""Responses of `POST .../input_tokens` and `.../compact`, which process a request without answering it."""

from codexd.neutral.fault import Fault, fault
from codexd.wire.json import encode


def render_token_count(input_tokens: int) -> bytes:
    """Render the token count of a request's input (OpenAI `response.input_tokens`), an estimate."""
    return encode({"object": "response.input_tokens", "input_tokens": input_tokens, "estimated": True})


def compaction_unsupported() -> Fault:
    """Return the fault of `POST /v1/responses/compact`."""
    return fault("unsupported", "This server does not support compaction, which only OpenAI's servers can do.")
