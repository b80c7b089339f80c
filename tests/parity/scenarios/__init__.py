"""All scenarios."""

from itertools import chain
from typing import Final

from tests.parity.scenarios import (
    background,
    blocks,
    chat,
    compatibility,
    completions,
    conversations,
    edges,
    fourfold,
    responses,
    state,
    upstream,
)

_TABLES: Final = (
    fourfold,
    chat,
    responses,
    completions,
    upstream,
    blocks,
    state,
    background,
    conversations,
    compatibility,
    edges,
)

SCENARIOS: Final = tuple(chain.from_iterable(table.SCENARIOS for table in _TABLES))
