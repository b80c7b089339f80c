"""A server's list of models (`GET /models`) as ModelCards, in any of the shapes there are."""

from collections.abc import Iterable
from typing import Final

from codexd.backs.chat.failures import MALFORMED
from codexd.neutral.fault import Refused
from codexd.neutral.model import ModelCard
from codexd.wire import json
from codexd.wire.json import Json

MOST: Final = 5000
"""The most models one server's list is read to."""

_WINDOWS: Final = (
    *("max_model_len", "context_length", "context_window", "max_context_length"),
    *("n_ctx", "n_ctx_train"),
)
"""What vLLM, OpenRouter, Groq, LM Studio and llama.cpp call the context window; what is served goes first."""


def cards(body: bytes) -> tuple[ModelCard, ...]:
    """Read a list of models; an entry without a name is passed over, of equal names the first counts.

    Raises:
        Refused: `model_failed`, when it is no such list.
    """
    try:
        value = json.decode(body)
    except json.Malformed:
        raise Refused(MALFORMED) from None
    entries = value
    if isinstance(value, dict):
        entries = value["data"] if isinstance(value.get("data"), list) else value.get("models")
    if not isinstance(entries, list):
        raise Refused(MALFORMED)
    found: dict[str, ModelCard] = {}
    for card in _read(entries[:MOST]):
        found.setdefault(card.id, card)
    return tuple(found.values())


def _read(entries: Iterable[Json]) -> Iterable[ModelCard]:
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        id = next((text for name in ("id", "model", "name") if isinstance(text := entry.get(name), str)), "")
        if id:
            owner = entry.get("owned_by")
            yield ModelCard(
                id,
                entry["created"] if type(entry.get("created")) is int else 0,
                owner if isinstance(owner, str) and owner else "upstream",
                context_window=_window(entry),
            )


def _window(entry: dict[str, Json]) -> int | None:
    meta = entry.get("meta")
    places = (entry, meta) if isinstance(meta, dict) else (entry,)
    counts = (place.get(name) for place in places for name in _WINDOWS)
    return next((count for count in counts if type(count) is int and count > 0), None)
