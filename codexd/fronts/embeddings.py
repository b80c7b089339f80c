"""`POST /v1/embeddings`: read as far as it takes to find the upstream that has them, and passed on."""

from typing import Final

from attrs import frozen

from codexd.fronts import reading
from codexd.fronts.reading import Fields
from codexd.neutral.fault import Fault, fault
from codexd.wire import json

MAX_INPUTS: Final = 2048
"""How many inputs, or token ids of the one input, OpenAI takes at once."""


@frozen
class EmbeddingsRequest:
    """One request, on its way to an upstream.

    Attributes:
        model: the model as the client named it.
        body: the request as it came.
    """

    model: str
    body: bytes

    def renamed(self, model: str) -> bytes:
        """Write the body as the upstream is to have it: its own name for the model, all else as it came."""
        if model == self.model:
            return self.body
        return json.encode({**json.decode(self.body), "model": model})


def decode(body: bytes) -> EmbeddingsRequest:
    """Read a request body; what an `input` may hold beyond its size is for the upstream to say.

    Raises:
        Refused: with a fault of status 400 that names the field.
    """
    fields = reading.body(body)
    _check_input(fields)
    return EmbeddingsRequest(fields.required_name("model"), body)


def unavailable() -> Fault:
    """Give the fault for a model that is on offer and of no upstream: Codex has no embeddings."""
    message = "This model gives no embeddings; ask for one of an upstream that has them."
    return fault("unsupported", message, param="model")


def _check_input(fields: Fields) -> None:
    value = fields.raw("input")
    if value is None:
        reading.missing("input")
    if not isinstance(value, str | list):
        reading.wrong_type("input", "a string or an array", value)
    if not value:
        reading.wrong_value("input", "expected something to embed")
    if isinstance(value, list) and len(value) > MAX_INPUTS:
        reading.wrong_value("input", f"expected at most {MAX_INPUTS} elements")
