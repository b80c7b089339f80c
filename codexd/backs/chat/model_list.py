"""Decodes a server's list of models (`GET /models`) to ModelCards, in any of the forms that servers use."""

from collections.abc import Iterable
from typing import Final

from codexd.backs.chat.failures import MALFORMED
from codexd.neutral.fault import FaultError
from codexd.neutral.model import ModelCard
from codexd.wire import json
from codexd.wire.json import Json

MAX_MODELS: Final = 5000
"""How many entries of one list are read."""

_WINDOW_FIELDS: Final = (
    *("max_model_len", "context_length", "context_window", "max_context_length"),
    *("n_ctx", "n_ctx_train"),
)
"""The context window's names in vLLM, OpenRouter, Groq, LM Studio and llama.cpp; the served one first."""


def decode_models(body: bytes) -> tuple[ModelCard, ...]:
    """Decode a list of models. Entries without a name are skipped; of equal names the first counts.

    Raises:
        FaultError: `model_failed`, when the body is not a list of models.
    """
    try:
        value = json.decode(body)
    except json.JsonError:
        raise FaultError(MALFORMED) from None
    entries = value
    if isinstance(value, dict):
        entries = value["data"] if isinstance(value.get("data"), list) else value.get("models")
    if not isinstance(entries, list):
        raise FaultError(MALFORMED)
    cards: dict[str, ModelCard] = {}
    for card in _read_cards(entries[:MAX_MODELS]):
        cards.setdefault(card.id, card)
    return tuple(cards.values())


def _read_cards(entries: Iterable[Json]) -> Iterable[ModelCard]:
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        id = next((text for name in ("id", "model", "name") if isinstance(text := entry.get(name), str)), "")
        if id:
            owner = entry.get("owned_by")
            yield ModelCard(
                id=id,
                created=entry["created"] if type(entry.get("created")) is int else 0,
                owned_by=owner if isinstance(owner, str) and owner else "upstream",
                context_window=_read_window(entry),
            )


def _read_window(entry: dict[str, Json]) -> int | None:
    meta = entry.get("meta")
    objects = (entry, meta) if isinstance(meta, dict) else (entry,)
    counts = (one.get(name) for one in objects for name in _WINDOW_FIELDS)
    return next((count for count in counts if type(count) is int and count > 0), None)
