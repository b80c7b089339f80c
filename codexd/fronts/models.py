"""Response bodies of `GET /v1/models` and `GET /v1/models/{id}`, and of their forerunner `/v1/engines`."""

from typing import Final

from attrs import evolve

from codexd.fronts.codex_models import describe_models
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.model import ModelCard
from codexd.wire import json
from codexd.wire.json import Json

_MAX_ECHOED_CHARACTERS: Final = 128
"""How many characters of an unknown model name an error message repeats."""


def render_models(cards: tuple[ModelCard, ...], for_codex: bool = False) -> bytes:
    """Render the model list: OpenAI's `data`, and the `models` that Codex requires.

    Codex treats each of its `models` as a full description, prompt included, that replaces its own; an empty
    list leaves its own in place.

    Args:
        cards: the models on offer.
        for_codex: include the descriptions, up to about 60 kB for each model.
    """
    described = describe_models(cards) if for_codex else []
    return json.encode({"object": "list", "data": [_model(card) for card in cards], "models": described})


def render_model(cards: tuple[ModelCard, ...], id: str) -> bytes:
    """Render one model; a name with an effort as suffix is valid, although the list omits it.

    Raises:
        FaultError: `unknown_model` when none of the cards has this id.
    """
    return json.encode(_model(_find_card(cards, id)))


def render_engines(cards: tuple[ModelCard, ...]) -> bytes:
    """Render the models as engines, as OpenAI's API listed them before it had `/v1/models`."""
    return json.encode({"object": "list", "data": [_engine(card) for card in cards]})


def render_engine(cards: tuple[ModelCard, ...], id: str) -> bytes:
    """Render one model as an engine.

    Raises:
        FaultError: `unknown_model` when none of the cards has this id.
    """
    return json.encode(_engine(_find_card(cards, id)))


def model_not_found(id: str) -> Fault:
    """Return the fault for a model that is not available, with its name."""
    shown = id if len(id) <= _MAX_ECHOED_CHARACTERS else id[:_MAX_ECHOED_CHARACTERS] + "..."
    message = f"The model '{shown}' does not exist or you do not have access to it."
    return fault("unknown_model", message, param="model")


def _find_card(cards: tuple[ModelCard, ...], id: str) -> ModelCard:
    for card in cards:
        if id == card.id or id in (f"{card.id}-{effort}" for effort in card.efforts):
            return evolve(card, id=id)
    raise FaultError(model_not_found(id))


def _engine(card: ModelCard) -> Json:
    return {"id": card.id, "object": "engine", "created": None, "owner": card.owned_by, "ready": True}


def _model(card: ModelCard) -> Json:
    return {"id": card.id, "object": "model", "created": card.created, "owned_by": card.owned_by}
