"""The legacy Completions dialect, `POST /v1/completions`: text prompts, text responses."""

from codexd.fronts.completions.decoded_request import DecodedCompletionsRequest
from codexd.fronts.completions.request import decode

__all__ = [
    "DecodedCompletionsRequest",
    "decode",
]
