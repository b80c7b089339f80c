"""All scenarios."""

from itertools import chain
from typing import Final

from codexd.parity.scenarios import chat, edges, fourfold, responses

SCENARIOS: Final = tuple(chain(fourfold.SCENARIOS, chat.SCENARIOS, responses.SCENARIOS, edges.SCENARIOS))
