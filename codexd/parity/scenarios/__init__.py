"""All scenarios."""

from itertools import chain
from typing import Final

from codexd.parity.scenarios import (
    background,
    chat,
    compatibility,
    conversations,
    edges,
    fourfold,
    responses,
    state,
)

_TABLES: Final = (fourfold, chat, responses, state, background, conversations, compatibility, edges)

SCENARIOS: Final = tuple(chain.from_iterable(table.SCENARIOS for table in _TABLES))
