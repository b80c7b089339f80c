"""OpenAI's Responses API (`POST /v1/responses`) as a front door: a body to a Turn, events to its stream."""

from codexd.fronts.responses.exchange import ResponsesExchange
from codexd.fronts.responses.request import decode, decode_object

__all__ = ["ResponsesExchange", "decode", "decode_object"]
