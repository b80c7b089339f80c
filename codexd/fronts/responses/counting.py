"""What goes on about a request without answering it: `POST .../input_tokens` and `POST .../compact`."""

from codexd.neutral.fault import Fault, fault
from codexd.wire.json import encode


def counted(input_tokens: int) -> bytes:
    """Write how many tokens a request's input is (OpenAI `response.input_tokens`): a guess."""
    return encode({"object": "response.input_tokens", "input_tokens": input_tokens, "estimated": True})


def uncompactable() -> Fault:
    """Give what `POST /v1/responses/compact` is refused with."""
    return fault("unsupported", "Only OpenAI's own servers can make the sealed items of a compacted history.")
