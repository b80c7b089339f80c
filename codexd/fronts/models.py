"""`GET /v1/models` and `GET /v1/models/{id}`."""

from typing import Final

from attrs import evolve

from codexd.neutral.fault import Fault, Refused, fault
from codexd.neutral.model import ModelCard
from codexd.wire import json
from codexd.wire.json import Json

_SHOWN: Final = 128
"""How much of an unknown name is repeated to whoever asked for it."""


def render(cards: tuple[ModelCard, ...]) -> bytes:
    """Write the list: OpenAI's `data`, and beside it the `models` that Codex insists on.

    Codex takes each of its `models` as a full description, prompt included, in place of its own; an empty
    list leaves it its own.
    """
    return json.encode({"object": "list", "data": [_model(card) for card in cards], "models": []})


def render_one(cards: tuple[ModelCard, ...], id: str) -> bytes:
    """Write one model; a name with an effort for a suffix is one, though the list leaves it out.

    Raises:
        Refused: `unknown_model` when none of the cards has this id.
    """
    for card in cards:
        if id == card.id or id in (f"{card.id}-{effort}" for effort in card.efforts):
            return json.encode(_model(evolve(card, id=id)))
    raise Refused(unknown(id))


def unknown(id: str) -> Fault:
    """Give the fault for a model that is not on offer, naming it."""
    shown = id if len(id) <= _SHOWN else id[:_SHOWN] + "..."
    message = f"The model '{shown}' does not exist or you do not have access to it."
    return fault("unknown_model", message, param="model")


def _model(card: ModelCard) -> Json:
    return {"id": card.id, "object": "model", "created": card.created, "owned_by": card.owned_by}
