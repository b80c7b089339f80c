"""The model catalog the child runs on: its own, with Codex's own tools taken out.

The catalog (`codex debug models`) gives newer models a code-execution tool, a clock and sub-agents that no
configuration of a thread takes away, and has long tool results cut. The start flag `model_catalog_json` names
another catalog; this makes it. The models keep their names, windows and efforts.
"""

from typing import Final

from codexd.wire import json
from codexd.wire.json import Json

# Measured on the pinned binary: what each of these adds to a request is in docs/app-server.md.
PLAIN: Final[dict[str, Json]] = {
    "tool_mode": None,
    "multi_agent_version": None,
    "multi_agent_reasoning_effort": None,
    "experimental_supported_tools": [],
    "default_verbosity": None,
    "default_service_tier": None,
    # A tool's result over 10,000 tokens would lose its middle; the context window is limit enough.
    "truncation_policy": {"mode": "tokens", "limit": 100_000_000},
    "node_repl_auto_review_required": False,
    "include_skills_usage_instructions": False,
    "include_plugin_usage_instructions": False,
    "include_apps_usage_instructions": False,
}

SCRIPTED: Final = "scripted"
"""The embedded model's name."""


class NoCatalog(ValueError):
    """The text is no model catalog of a form this codexd knows."""


def plain(catalog: bytes) -> bytes:
    """Take Codex's own tools out of every model.

    Raises:
        NoCatalog: when the binary writes its catalog in another form.
    """
    return json.encode({"models": [_strip(model) for model in _models(catalog)]})


def scripted(catalog: bytes) -> bytes:
    """Make the catalog of the embedded model alone.

    Raises:
        NoCatalog: when the binary writes its catalog in another form.
    """
    model = _strip(_models(catalog)[0]) | {
        "slug": SCRIPTED,
        "display_name": "Scripted model",
        "description": "Answers by a script; needs no account.",
        "visibility": "list",
        "use_responses_lite": False,
        "upgrade": None,
        "availability_nux": None,
        "service_tiers": [],
        "additional_speed_tiers": [],
    }
    return json.encode({"models": [model]})


def windows(catalog: bytes) -> dict[str, int]:
    """Read the models' context windows, in tokens, as far as the child fills them.

    Raises:
        NoCatalog: when the binary writes its catalog in another form.
    """
    told = ((model.get("slug"), _window(model)) for model in _models(catalog))
    return {slug: window for slug, window in told if isinstance(slug, str) and window > 0}


def _window(model: dict[str, Json]) -> int:
    window, share = model.get("context_window"), model.get("effective_context_window_percent", 100)
    return window * share // 100 if isinstance(window, int) and isinstance(share, int) else 0


def _strip(model: dict[str, Json]) -> dict[str, Json]:
    return model | {name: value for name, value in PLAIN.items() if name in model}


def _models(catalog: bytes) -> list[dict[str, Json]]:
    try:
        found = json.decode(catalog)
    except json.Malformed as error:
        raise NoCatalog(str(error)) from None
    models = found.get("models") if isinstance(found, dict) else None
    if not models or not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise NoCatalog("no models in it")
    return models
