"""The legacy Completions dialect: `POST /v1/completions`, a prompt in and text out."""

from codexd.fronts.completions.exchange import CompletionsExchange
from codexd.fronts.completions.request import decode

__all__ = ["CompletionsExchange", "decode"]
