"""Resolve the names of Codex's models: the account's models, the aliases and the effort suffixes."""

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

from attrs import Factory, evolve

from codexd.neutral.fault import FaultError, fault
from codexd.neutral.model import ModelCard
from codexd.neutral.records import frozen
from codexd.neutral.turn import JsonText


class CatalogAlias(Protocol):
    """A configured alias of a model (codexd.settings.ModelAlias)."""

    @property
    def name(self) -> str:
        """The name that clients request."""
        ...

    @property
    def model(self) -> str | None:
        """The model's name; None if it is the same as `name`."""
        ...

    @property
    def effort(self) -> str | None:
        """The default reasoning effort."""
        ...


@frozen(kw_only=True)
class AccountModel:
    """A model that Codex can use.

    Attributes:
        id: its name.
        efforts: the reasoning efforts that it supports.
        is_hidden: it can be requested, and is not listed.
        owned_by: who serves it.
        context_window: in tokens, if its provider reports it or the configuration sets it.
    """

    id: str
    efforts: tuple[str, ...] = ()
    is_hidden: bool = False
    owned_by: str = "openai"
    context_window: int | None = None


@frozen
class ResolvedModel:
    """The model that a name stands for.

    Attributes:
        model: the model's name at the provider.
        alias: the requested alias, if the name is one.
        effort: the effort of the name's suffix or of the alias; None leaves it to the request and the model.
    """

    model: str
    alias: str | None = None
    effort: str | None = None


@frozen(kw_only=True)
class ModelCatalog:
    """The names that clients may request.

    Attributes:
        models: the account's models.
        aliases: from the settings; they take precedence over a model of the same name.
        passes_unlisted: unknown names are passed on unchanged.
        descriptions: entries of Codex's own catalog, by the models' names.
        template: the entry of it from which other models are described.
        prefix: the beginning of the names of all models; an alias may have it, too.
    """

    models: tuple[AccountModel, ...] = ()
    aliases: tuple[CatalogAlias, ...] = ()
    passes_unlisted: bool = False
    descriptions: Mapping[str, JsonText] = Factory(dict)
    template: JsonText | None = None
    prefix: str = ""

    @cached_property
    def cards(self) -> tuple[ModelCard, ...]:
        """The entries of `/v1/models`: the aliases, then the account's visible models."""
        aliased = tuple(alias.name for alias in self.aliases)
        visible = (self.prefix + one.id for one in self.models if not one.is_hidden)
        names = aliased + tuple(id for id in visible if id not in aliased)
        return tuple(self._card(name) for name in names)

    def efforts(self, name: str) -> tuple[str, ...]:
        """Return the efforts that are accepted as a suffix of a name."""
        return self._model(name).efforts

    def resolve(self, name: str) -> ResolvedModel:
        """Resolve a name; `NAME-EFFORT` is NAME with that effort.

        Raises:
            FaultError: `unknown_model`.
        """
        resolved = self._resolve_exact(name) or self._resolve_suffixed(name)
        if resolved is not None:
            return resolved
        if self.passes_unlisted and name.startswith(self.prefix):
            return ResolvedModel(name.removeprefix(self.prefix))
        message = f"The model '{name[:64]}' does not exist or you do not have access to it."
        raise FaultError(fault("unknown_model", message, param="model"))

    def _card(self, name: str) -> ModelCard:
        model = self._model(name)
        return ModelCard(
            id=name,
            efforts=model.efforts,
            owned_by=model.owned_by,
            effort=next((alias.effort for alias in self.aliases if alias.name == name), None),
            context_window=model.context_window,
            description=self.descriptions.get(model.id),
            template=self.template,
        )

    def _model(self, name: str) -> AccountModel:
        """Return the model of a name or an alias; one without efforts if it is not listed."""
        alias = self._find_alias(name)
        id = name.removeprefix(self.prefix) if alias is None else alias.model or alias.name
        return self._by_id.get(id) or AccountModel(id=id)

    def _find_alias(self, name: str) -> CatalogAlias | None:
        names = {name, name.removeprefix(self.prefix)}
        return next((alias for alias in self.aliases if alias.name in names), None)

    @cached_property
    def _by_id(self) -> Mapping[str, AccountModel]:
        return {one.id: one for one in reversed(self.models)}

    def _resolve_exact(self, name: str) -> ResolvedModel | None:
        alias = self._find_alias(name)
        if alias is not None:
            return ResolvedModel(alias.model or alias.name, alias.name, alias.effort)
        id = name.removeprefix(self.prefix)
        return ResolvedModel(id) if name.startswith(self.prefix) and id in self._by_id else None

    def _resolve_suffixed(self, name: str) -> ResolvedModel | None:
        head, _, effort = name.rpartition("-")
        resolved = self._resolve_exact(head) if effort in self.efforts(head) else None
        return None if resolved is None else evolve(resolved, effort=effort)
