"""The settings of the servers that scenarios are sent to, one server for each place.

In every place the scripted model is the provider. Codex sends it Responses requests; the upstreams are
servers of different abilities, all of them the scripted model's Chat Completions endpoint.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve, frozen

from codexd.settings import Codex, ModelAlias, Models, Responses, Settings, Tools, Turns, Upstream
from codexd.settings.upstream_presets import PRESETS
from tests.parity.scenario import Place

_VERY_LONG_SECONDS: Final = 3600.0
_CLOSED_PORT: Final = "http://127.0.0.1:1/v1"


@frozen
class PlaceParameters:
    """Values that are known only when a server starts.

    Attributes:
        provider_url: the scripted model's base URL.
        codex_binary: another Codex than the pinned one.
    """

    provider_url: str
    codex_binary: str | None = None


def build_settings(place: Place, parameters: PlaceParameters) -> Settings:
    """Return the settings of a place, without those of its HTTP server."""
    return _PLACES[place](parameters)


def _build_codex(parameters: PlaceParameters) -> Settings:
    """Return Codex without retries and circuit breaker, so that each request of a scenario stands for itself."""
    codex = Codex(binary=parameters.codex_binary, model="scripted", breaker_failures=10**6)
    return Settings(codex=codex, turns=Turns(retries=0))


def _build_upstream(parameters: PlaceParameters) -> Settings:
    upstreams = _build_upstreams(parameters.provider_url)
    return Settings(codex=Codex(model="none"), models=Models(_ALIASES), upstream=upstreams)


def _build_gated(parameters: PlaceParameters) -> Settings:
    tools = Tools(output_mode="obsidian-xml", max_calls=2, stop_after="burst", drop_trailing_text=True)
    return evolve(_build_upstream(parameters), tools=tools, responses=Responses(hosted_tools="refuse"))


_PLACES: Final[dict[Place, Callable[[PlaceParameters], Settings]]] = {
    "codex": _build_codex,
    "upstream": _build_upstream,
    "gated": _build_gated,
}

_ALIASES: Final = (
    ModelAlias(name="steady", model="scripted", upstream="down", fallback=("absent", "scripted", "able/scripted")),
    ModelAlias(name="lost", model="scripted", upstream="down", fallback=("down/scripted",)),
    ModelAlias(
        name="brief",
        model="scripted",
        upstream="usual",
        effort="low",
        instructions="Be brief.",
        max_output_tokens=3,
    ),
)


def _preset(kind: str) -> dict[str, Any]:
    """Return the settings of a preset, as the configuration loads them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in PRESETS[kind].items()}


def _build_upstreams(provider_url: str) -> tuple[Upstream, ...]:
    """Return upstreams of every kind; only `patient` has retries, and only `tired` a circuit breaker."""
    usual = Upstream(name="usual", base_url=provider_url, retries=0, breaker_failures=10**6)
    return (
        usual,
        evolve(
            usual,
            name="able",
            prefix="able/",
            pass_unknown_fields=True,
            token_limit_field="max_completion_tokens",
            developer_role=True,
            custom_tools=True,
            reasoning_field="reasoning_content",
            audio=True,
            files=True,
        ),
        evolve(usual, name="strict", prefix="strict/", **_preset("mistral")),
        evolve(usual, name="poor", prefix="poor/", tools=False, images=False, omit_fields=("seed", "stop")),
        evolve(usual, name="patient", prefix="patient/", retries=2, retry_initial_seconds=0.001),
        evolve(usual, name="tired", prefix="tired/", breaker_failures=1, breaker_seconds=_VERY_LONG_SECONDS),
        evolve(usual, name="down", prefix="down/", base_url=_CLOSED_PORT, models=("scripted",)),
    )
