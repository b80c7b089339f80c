"""Builds the child's model catalog: Codex's own catalog without Codex's own tools.

The catalog (`codex debug models`) gives newer models a code-execution tool, a clock and sub-agents that no
configuration of a thread removes, and truncates long tool results. The start flag `model_catalog_json` names
another catalog, which this module builds. The models keep their names, context windows and efforts.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from codexd.neutral.model import ModelCard
from codexd.neutral.turn import JsonText
from codexd.wire import json
from codexd.wire.json import Json

# Measured on the pinned binary: docs/app-server.md lists what each of these adds to a request.
PLAIN_OVERRIDES: Final[dict[str, Json]] = {
    "tool_mode": None,
    "multi_agent_version": None,
    "multi_agent_reasoning_effort": None,
    "experimental_supported_tools": [],
    "default_verbosity": None,
    "default_service_tier": None,
    # Codex would cut the middle out of a tool result over 10,000 tokens; the context window is limit enough.
    "truncation_policy": {"mode": "tokens", "limit": 100_000_000},
    "node_repl_auto_review_required": False,
    "include_skills_usage_instructions": False,
    "include_plugin_usage_instructions": False,
    "include_apps_usage_instructions": False,
}

MAX_PROVIDER_ENTRIES: Final = 500
"""How many models of a provider get entries; Codex uses its fallback for the others."""

SCRIPTED: Final = "scripted"
"""The name of the scripted model."""


class CatalogError(ValueError):
    """The text is not a model catalog in a form this codexd supports."""


def build_plain_catalog(catalog: bytes) -> bytes:
    """Remove Codex's own tools from every model.

    Raises:
        CatalogError: when the binary writes its catalog in another form.
    """
    return json.encode({"models": [_remove_tools(model) for model in _decode_models(catalog)]})


def build_agent_catalog(catalog: bytes) -> bytes:
    """Remove the sub-agents from every model: their commands can lose the sandbox of the agent (0.163).

    Raises:
        CatalogError: when the binary writes its catalog in another form.
    """
    names = ("multi_agent_version", "multi_agent_reasoning_effort")
    models = [model | {name: None for name in names if name in model} for model in _decode_models(catalog)]
    return json.encode({"models": models})


def build_scripted_catalog(catalog: bytes) -> bytes:
    """Build a catalog with the scripted model only.

    Raises:
        CatalogError: when the binary writes its catalog in another form.
    """
    model = _remove_tools(_decode_models(catalog)[0]) | {
        "slug": SCRIPTED,
        "display_name": "Scripted model",
        "description": "Responds according to a script; needs no account.",
        "visibility": "list",
        "use_responses_lite": False,
        "upgrade": None,
        "availability_nux": None,
        "service_tiers": [],
        "additional_speed_tiers": [],
    }
    return json.encode({"models": [model]})


def build_provider_catalog(catalog: bytes, models: Iterable[ModelCard], efforts: Iterable[str]) -> bytes:
    """Build the plain catalog with entries for the models of another provider than OpenAI.

    Without an entry Codex would assume its own context window, and always request reasoning summaries.

    Args:
        catalog: Codex's own catalog.
        models: the provider's models. One that Codex's catalog has keeps its description.
        efforts: the reasoning efforts to list for the others.

    Raises:
        CatalogError: when the binary writes its catalog in another form.
    """
    known = {model.get("slug"): _remove_tools(model) for model in _decode_models(catalog)}
    template = next(iter(known.values()))
    levels: list[Json] = [{"effort": effort, "description": effort} for effort in efforts]
    own = {
        card.id: _describe(card, known.get(card.id) or _build_entry(card.id, template, levels))
        for card in islice(models, MAX_PROVIDER_ENTRIES)
    }
    return json.encode({"models": [*own.values(), *(model for slug, model in known.items() if slug not in own)]})


def _build_entry(id: str, template: dict[str, Json], levels: list[Json]) -> dict[str, Json]:
    changes: dict[str, Json] = {
        "slug": id,
        "display_name": id,
        "description": "",
        # The prompts of Codex's own agent, which no plain thread uses.
        "base_instructions": "",
        "model_messages": None,
        "visibility": "list",
        "use_responses_lite": False,
        "upgrade": None,
        "availability_nux": None,
        "service_tiers": [],
        "additional_speed_tiers": [],
        # No effort and no summary unless the client asks for it.
        "default_reasoning_level": None,
        "default_reasoning_summary": "none",
        "supported_reasoning_levels": levels,
    }
    return template | {name: value for name, value in changes.items() if name in template}


def _describe(card: ModelCard, entry: dict[str, Json]) -> dict[str, Json]:
    changes: dict[str, Json] = {"apply_patch_tool_type": None}
    if card.context_window is not None:
        changes |= {"context_window": card.context_window, "max_context_window": card.context_window}
    return entry | {name: value for name, value in changes.items() if name in entry}


def read_context_windows(catalog: bytes) -> dict[str, int]:
    """Return the usable context window of each model, in tokens.

    The child uses `effective_context_window_percent` of the window.

    Raises:
        CatalogError: when the binary writes its catalog in another form.
    """
    windows = ((model.get("slug"), _usable_window(model)) for model in _decode_models(catalog))
    return {slug: window for slug, window in windows if isinstance(slug, str) and window > 0}


def read_descriptions(catalog: bytes) -> dict[str, JsonText]:
    """Return the entry of each model, for clients that are Codex themselves.

    The built-in scripted model has that of a model which gets its tools directly.

    Raises:
        CatalogError: when the binary writes its catalog in another form.
    """
    models = _decode_models(catalog)
    named = {slug: model for model in models if isinstance(slug := model.get("slug"), str)}
    return {slug: json.encode(model).decode() for slug, model in {SCRIPTED: _find_direct(models), **named}.items()}


def read_template(catalog: bytes) -> JsonText:
    """Return the entry from which models without an entry are described: the first that gets its tools directly.

    Raises:
        CatalogError: when the binary writes its catalog in another form.
    """
    return json.encode(_find_direct(_decode_models(catalog))).decode()


def _find_direct(models: list[dict[str, Json]]) -> dict[str, Json]:
    return next((model for model in models if not model.get("use_responses_lite")), models[0])


def _usable_window(model: dict[str, Json]) -> int:
    window, percent = model.get("context_window"), model.get("effective_context_window_percent", 100)
    return window * percent // 100 if isinstance(window, int) and isinstance(percent, int) else 0


def _remove_tools(model: dict[str, Json]) -> dict[str, Json]:
    return model | {name: value for name, value in PLAIN_OVERRIDES.items() if name in model}


def _decode_models(catalog: bytes) -> list[dict[str, Json]]:
    try:
        document = json.decode(catalog)
    except json.JsonError as error:
        raise CatalogError(str(error)) from None
    models = document.get("models") if isinstance(document, dict) else None
    if not models or not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise CatalogError("it contains no list of models")
    return models
