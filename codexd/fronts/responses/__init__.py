"""OpenAI's Responses API (`/v1/responses`): decodes requests, encodes streams, renders stored responses."""

from codexd.fronts.responses.compact_request import decode_compact_request
from codexd.fronts.responses.decoded_request import DecodedResponsesRequest
from codexd.fronts.responses.input_tokens import render_token_count
from codexd.fronts.responses.pending_request import (
    PendingResponsesRequest,
    decode_for_counting,
    decode_pending,
    decode_stateless,
)
from codexd.fronts.responses.replay import render_final_stream, resume_position
from codexd.fronts.responses.retrieval import RetrievalOptions, parse_retrieval_options
from codexd.fronts.responses.stored import mark_interrupted, render_deleted, render_stored, response_not_found

__all__ = [
    "DecodedResponsesRequest",
    "PendingResponsesRequest",
    "RetrievalOptions",
    "decode_compact_request",
    "decode_for_counting",
    "decode_pending",
    "decode_stateless",
    "mark_interrupted",
    "parse_retrieval_options",
    "render_deleted",
    "render_final_stream",
    "render_stored",
    "render_token_count",
    "response_not_found",
    "resume_position",
]
