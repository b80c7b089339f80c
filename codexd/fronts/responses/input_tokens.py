"""Responses of `POST /v1/responses/input_tokens`, which counts the tokens of a request without answering it."""

from codexd.wire.json import encode


def render_token_count(input_tokens: int) -> bytes:
    """Render the token count of a request's input (OpenAI `response.input_tokens`), an estimate."""
    return encode({"object": "response.input_tokens", "input_tokens": input_tokens, "estimated": True})
