"""OpenAI's dialects: they differ in request bodies and streams, and share errors and headers."""

from functools import partial
from typing import Final

from codexd.fronts import chat, completions, errors, responses
from codexd.fronts.dialect import Dialect, Headers, PendingRequest, RequestOptions, StandaloneRequest

_HEADERS: Final[Headers] = ((b"openai-version", b"2020-10-01"),)
_DONE: Final = b"[DONE]"


def _decode_chat(body: bytes, options: RequestOptions) -> PendingRequest:
    """Decode a Chat body, or a Responses body that was sent to Chat, as Cursor does."""
    if chat.is_responses_shaped(body, options.limits):
        turn = responses.decode_stateless(body, options).turn
        return StandaloneRequest.of(chat.adapt_responses_turn(body, turn, options))
    return StandaloneRequest.of(chat.decode(body, options))


def _decode_completions(body: bytes, options: RequestOptions) -> PendingRequest:
    return StandaloneRequest.of(completions.decode(body, options))


_openai = partial(
    Dialect,
    render_error=errors.render_error,
    error_headers=errors.error_headers,
    headers=_HEADERS,
    duration_header=b"openai-processing-ms",
)

OPENAI: Final = _openai(name="openai")
"""Endpoints without streams: conversations, embeddings, models, stored responses."""

CHAT: Final = _openai(name="chat", decode=_decode_chat, done=_DONE)
RESPONSES: Final = _openai(name="responses", decode=responses.decode_pending)
COMPACT: Final = _openai(name="responses", decode=responses.decode_compact_request)
COMPLETIONS: Final = _openai(name="completions", decode=_decode_completions, done=_DONE)
