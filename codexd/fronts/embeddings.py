"""Decoder of `POST /v1/embeddings`: parses only what routing needs; the body is forwarded to the upstream."""

from typing import Final

from codexd.fronts import json_fields
from codexd.fronts.json_fields import Fields
from codexd.fronts.limits import DEFAULT_LIMITS, RequestLimits
from codexd.neutral.records import frozen
from codexd.wire import json

MAX_INPUTS: Final = 2048
"""The maximum number of inputs, or of token ids of a single input (OpenAI)."""


@frozen
class EmbeddingsRequest:
    """An embeddings request to forward to an upstream.

    Attributes:
        model: the model as the client named it.
        body: the request body as received.
    """

    model: str
    body: bytes

    def with_model(self, model: str) -> bytes:
        """Return the body with `model` replaced by the upstream's name for it, otherwise unchanged."""
        if model == self.model:
            return self.body
        return json.encode({**json.decode(self.body), "model": model})


def decode(body: bytes, limits: RequestLimits = DEFAULT_LIMITS) -> EmbeddingsRequest:
    """Decode a request body; apart from its size, `input` is validated by the upstream.

    Raises:
        FaultError: with a fault of status 400 that names the field.
    """
    fields = json_fields.parse_body(body, limits)
    _check_input(fields)
    return EmbeddingsRequest(fields.required_name("model"), body)


def _check_input(fields: Fields) -> None:
    value = fields.raw("input")
    if value is None:
        json_fields.raise_missing("input")
    if not isinstance(value, str | list):
        json_fields.raise_wrong_type("input", "a string or an array", value)
    if not value:
        json_fields.raise_wrong_value("input", "expected a value that is not empty")
    if isinstance(value, list) and len(value) > MAX_INPUTS:
        json_fields.raise_wrong_value("input", f"expected at most {MAX_INPUTS} elements")
