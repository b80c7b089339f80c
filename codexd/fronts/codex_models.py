"""The models in the form of Codex's own catalog (`ModelInfo`), which Codex as a client asks for.

The entries of Codex's catalog are the source: of the model itself, or of the model that an alias stands for. Models
of upstreams have none. They get a copy of another entry without everything that holds for that model only, so that
Codex offers them its tools and knows their context windows.
"""

import re
from typing import Any, Final

from codexd.neutral.model import ModelCard
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
    """Describe the models, at most `MAX_GENERIC` that have no entry; none if Codex's catalog is not known."""
    entries = {card.id: json.decode(card.description) for card in cards if card.description is not None}
    if not entries:
        return []
    described = list(entries.values())
    source = next((entry for entry in described if not entry.get("use_responses_lite")), described[0])
    known = [_describe_known(card, entries[card.id]) for card in cards if card.id in entries]
    others = [card for card in cards if card.id not in entries]
    return known + [_describe_generic(card, source) for card in others[:MAX_GENERIC]]


def _describe_known(card: ModelCard, entry: dict[str, Any]) -> Json:
    effort = {} if card.effort is None else {"default_reasoning_level": card.effort}
    if entry.get("slug") == card.id:
        return entry | effort
    return entry | _RENAMED | {"slug": card.id, "display_name": card.id} | effort


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
            "context_window": card.context_window,
            "max_context_window": card.context_window,
            "supported_reasoning_levels": [{"effort": effort, "description": effort} for effort in card.efforts],
            "default_reasoning_level": card.effort,
        }
    )
