"""Which CODEX_HOME serves a model, and which aliases belong to it."""

from collections.abc import Sequence
from typing import Literal, Protocol

from codexd.policy.model_prefixes import match_length


class HomeAlias(Protocol):
    """A configured alias (codexd.settings.ModelAlias)."""

    @property
    def name(self) -> str:
        """The name that clients request."""
        ...

    @property
    def upstream(self) -> str | None:
        """The upstream that serves it; None is Codex."""
        ...

    @property
    def codex(self) -> str | None:
        """The home that serves it; None: the first one, or that of the API key."""
        ...

    @property
    def profile(self) -> Literal["plain", "agent"]:
        """`agent`: with a shell and a workspace."""
        ...


class _Home(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def prefix(self) -> str: ...


class _Upstream(Protocol):
    @property
    def prefix(self) -> str: ...

    @property
    def models(self) -> tuple[str, ...]: ...


class _Models(Protocol):
    @property
    def alias(self) -> Sequence[HomeAlias]: ...


class HomeSettings(Protocol):
    """The settings from which a home is found (codexd.settings.Settings)."""

    @property
    def homes(self) -> Sequence[_Home]:
        """The homes, the first one first."""
        ...

    @property
    def upstream(self) -> Sequence[_Upstream]:
        """The upstreams."""
        ...

    @property
    def models(self) -> _Models:
        """The models with their aliases."""
        ...


def find_home(settings: HomeSettings, model: str) -> str | None:
    """Return the name of the home that would serve a model; None if an upstream does, or no home can."""
    alias = next((alias for alias in settings.models.alias if alias.name == model), None)
    if alias is not None:
        return None if alias.upstream is not None else alias.codex or settings.homes[0].name
    homes = [(match_length(home.prefix, model), home.name) for home in settings.homes]
    upstreams = [(match_length(upstream.prefix, model), None) for upstream in settings.upstream]
    length, owner = max((*homes, *upstreams), key=lambda one: one[0])
    if length or any(not upstream.prefix and model in upstream.models for upstream in settings.upstream):
        return owner if length else None
    return next((home.name for home in settings.homes if not home.prefix), None)


def serves_alias(home: str, first: str, alias: HomeAlias) -> bool:
    """Return whether a home knows an alias.

    An alias without a home is known to all, as an API key may choose one; an agent's only to the first home.
    """
    if alias.upstream is not None or alias.codex == home:
        return alias.codex == home
    return alias.codex is None and (home == first or alias.profile == "plain")
