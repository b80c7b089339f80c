"""The places that scenarios are played on: what the settings of each codexd are.

In every place the scripted model is the provider. Codex speaks its Responses dialect, upstreams its Chat
dialect, as servers that can take more or less.
"""

from collections.abc import Callable
from typing import Final

from attrs import evolve, frozen

from codexd.settings import Codex, Model, Models, Settings, Tools, Upstream
from tests.parity.scenario import Place

_FOR_EVER: Final = 3600.0
_NOWHERE: Final = "http://127.0.0.1:1/v1"
"""Where nobody listens."""


@frozen
class Circumstances:
    """What is known only when a place is made.

    Attributes:
        provider: the scripted model's base URL.
        binary: another Codex than the pinned one.
    """

    provider: str
    binary: str | None = None


def settings(place: Place, given: Circumstances) -> Settings:
    """Give the settings of a place, but for its front."""
    return _PLACES[place](given)


def _codex(given: Circumstances) -> Settings:
    return Settings(codex=Codex(binary=given.binary, model="scripted"))


def _upstream(given: Circumstances) -> Settings:
    return Settings(codex=Codex(model="none"), models=Models(_ALIASES), upstream=_upstreams(given.provider))


def _gated(given: Circumstances) -> Settings:
    tools = Tools(output_mode="obsidian-xml", block_max=2, stop_after="burst", suppress_tail=True)
    return evolve(_upstream(given), tools=tools)


_PLACES: Final[dict[Place, Callable[[Circumstances], Settings]]] = {
    "codex": _codex,
    "upstream": _upstream,
    "gated": _gated,
}

_ALIASES: Final = (
    Model("steady", model="scripted", upstream="down", fallback=("absent", "scripted", "able/scripted")),
    Model("lost", model="scripted", upstream="down", fallback=("down/scripted",)),
    Model(
        "brief",
        model="scripted",
        upstream="usual",
        effort="low",
        instructions="Be brief.",
        max_output_tokens=3,
    ),
)


def _upstreams(provider: str) -> tuple[Upstream, ...]:
    """Make servers of every kind; but for two, one that fails is asked once and is never left alone."""
    usual = Upstream("usual", provider, retries=0, breaker_failures=10**6)
    return (
        usual,
        evolve(
            usual,
            name="able",
            prefix="able/",
            pass_unknown=True,
            token_limit="max_completion_tokens",
            developer_role=True,
            custom_tools=True,
            reasoning="reasoning_content",
            audio=True,
            files=True,
        ),
        evolve(usual, name="poor", prefix="poor/", tools=False, images=False, omit=("seed", "stop")),
        evolve(usual, name="patient", prefix="patient/", retries=2, retry_first_seconds=0.001),
        evolve(usual, name="tired", prefix="tired/", breaker_failures=1, breaker_seconds=_FOR_EVER),
        evolve(usual, name="down", prefix="down/", base_url=_NOWHERE, models=("scripted",)),
    )
