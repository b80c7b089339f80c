"""The models in the form of Codex's own catalog (`ModelInfo`), which Codex as a client asks for.

The entries of Codex's catalog are the source: of the model itself, or of the model that an alias stands for. Models
of upstreams and of a configured provider have none. They get a copy of another entry, the template, without everything
that holds for that model only, so that Codex offers them its tools and knows their context windows.
"""

import re
from typing import Any, Final

from codexd.fronts.codex_template import TEMPLATE, is_known_to_client
from codexd.neutral.model import ModelCard
from codexd.neutral.turn import JsonText
from codexd.wire import json
from codexd.wire.json import Json

_IDENTITY: Final = re.compile(r" based on GPT-[0-9.]*[0-9]")
"""What a prompt says about the model it was written for."""

MAX_GENERIC: Final = 100
"""How many models without an entry are described, each in some 25 kB; Codex has defaults for the others."""

_RENAMED: Final[dict[str, Json]] = {"visibility": "list", "upgrade": None, "availability_nux": None}
_GENERIC: Final[dict[str, Json]] = {
    **_RENAMED,
    "description": None,
    "additional_speed_tiers": [],
    "service_tiers": [],
    "default_service_tier": None,
    "model_messages": None,
    "use_responses_lite": False,
    "tool_mode": None,
    "multi_agent_version": None,
    "multi_agent_reasoning_effort": None,
    "experimental_supported_tools": [],
    "support_verbosity": False,
    "default_verbosity": None,
    "comp_hash": None,
    "supports_image_detail_original": False,
    "supports_reasoning_effort_updates": False,
    "node_repl_auto_review_required": False,
}


def describe_models(cards: tuple[ModelCard, ...]) -> list[Json]:
    """Describe the models, at most `MAX_GENERIC` that have no entry.

    Without Codex's catalog the built-in template describes them, except those that the client has entries of.
    """
    known = [_describe_known(card, card.description) for card in cards if card.description is not None]
    others = [card for card in cards if card.description is None]
    found = next((card.template for card in cards if card.template is not None), None)
    if found is None:
        others = [card for card in others if not is_known_to_client(card.id)]
    template = TEMPLATE if found is None else json.decode(found)
    return known + [_describe_generic(card, template) for card in others[:MAX_GENERIC]]


def _describe_known(card: ModelCard, description: JsonText) -> Json:
    entry = json.decode(description)
    own: dict[str, Json] = {} if card.effort is None else {"default_reasoning_level": card.effort}
    if card.context_window is not None:
        own |= _window(card)
    if entry.get("slug") == card.id:
        return entry | own
    return entry | _RENAMED | {"slug": card.id, "display_name": card.id} | own


def _window(card: ModelCard) -> dict[str, Json]:
    return {"context_window": card.context_window, "max_context_window": card.context_window}


def _describe_generic(card: ModelCard, source: dict[str, Any]) -> Json:
    overrides = {name: value for name, value in _GENERIC.items() if name in source}
    prompt = source.get("base_instructions")
    return (
        source
        | overrides
        | {
            "slug": card.id,
            "display_name": card.id,
            "base_instructions": _IDENTITY.sub("", prompt) if isinstance(prompt, str) else prompt,
            "supported_reasoning_levels": [{"effort": effort, "description": effort} for effort in card.efforts],
            "default_reasoning_level": card.effort,
        }
        | _window(card)
    )
