"""OpenAI's Responses API (`/v1/responses`): bodies to Turns, events to streams, answers that were kept."""

from codexd.fronts.responses.counting import counted, uncompactable
from codexd.fronts.responses.draft import ResponsesDraft, decode, measured, read
from codexd.fronts.responses.exchange import ResponsesExchange
from codexd.fronts.responses.kept import deleted, lost, shown, unknown
from codexd.fronts.responses.replay import closing, resumed
from codexd.fronts.responses.retrieval import Retrieval, retrieval

__all__ = [
    "ResponsesDraft",
    "ResponsesExchange",
    "Retrieval",
    "closing",
    "counted",
    "decode",
    "deleted",
    "lost",
    "measured",
    "read",
    "resumed",
    "retrieval",
    "shown",
    "uncompactable",
    "unknown",
]
