"""All scenarios."""

from itertools import chain
from typing import Final

from tests.parity.scenarios import (
    background,
    chat,
    codex_client,
    compatibility,
    completions,
    conversations,
    no_model,
    responses,
    shared,
    stored_responses,
    tool_text,
    upstream,
)

_TABLES: Final = (
    shared,
    chat,
    responses,
    completions,
    upstream,
    tool_text,
    stored_responses,
    background,
    conversations,
    compatibility,
    codex_client,
    no_model,
)

SCENARIOS: Final = tuple(chain.from_iterable(table.SCENARIOS for table in _TABLES))
