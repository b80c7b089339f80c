"""OpenAI's Responses API (`POST /v1/responses`) as a front door: a body to a Turn, events to its stream."""

from codexd.fronts.responses.decode import decode, decode_object

__all__ = ["decode", "decode_object"]
