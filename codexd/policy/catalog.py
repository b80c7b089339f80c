"""Which model a name means: the account's own list, the aliases, and the effort suffixes."""

from functools import cached_property
from typing import Protocol

from attrs import evolve, frozen

from codexd.neutral.fault import Refused, fault
from codexd.neutral.model import ModelCard


class Alias(Protocol):
    """A name a person chose, and what it stands for (codexd.settings.Model)."""

    @property
    def name(self) -> str:
        """What clients ask for."""
        ...

    @property
    def model(self) -> str | None:
        """The model it stands for; None is the same name."""
        ...

    @property
    def effort(self) -> str | None:
        """The default reasoning effort."""
        ...


@frozen
class Offer:
    """A model of the account's and the reasoning efforts it takes."""

    id: str
    efforts: tuple[str, ...] = ()
    hidden: bool = False


@frozen
class Route:
    """What a name leads to.

    Attributes:
        model: the model's name at the provider.
        alias: the name of the alias it was asked under, if it was one.
        effort: from the name's suffix or the alias; None leaves it to the request and the model.
    """

    model: str
    alias: str | None = None
    effort: str | None = None


@frozen
class Catalog:
    """Everything that may be asked for.

    Attributes:
        offers: the account's models.
        aliases: from the settings; they win over a model of the same name.
        any: names that are not known are passed on as they are.
    """

    offers: tuple[Offer, ...] = ()
    aliases: tuple[Alias, ...] = ()
    any: bool = False

    @cached_property
    def cards(self) -> tuple[ModelCard, ...]:
        """What `/v1/models` lists: the aliases, then what the account shows."""
        aliased = tuple(alias.name for alias in self.aliases)
        shown = (offer.id for offer in self.offers if not offer.hidden)
        names = aliased + tuple(id for id in shown if id not in aliased)
        return tuple(ModelCard(name, efforts=self.efforts(name)) for name in names)

    def efforts(self, name: str) -> tuple[str, ...]:
        """Give the efforts a name may be suffixed with."""
        model = next((alias.model or alias.name for alias in self.aliases if alias.name == name), name)
        return next((offer.efforts for offer in self.offers if offer.id == model), ())

    def resolve(self, name: str) -> Route:
        """Find what a name leads to; `NAME-EFFORT` is NAME with that effort.

        Raises:
            Refused: `unknown_model`.
        """
        route = self._exact(name) or self._suffixed(name)
        if route is not None:
            return route
        if self.any:
            return Route(name)
        message = f"The model '{name[:64]}' does not exist or you do not have access to it."
        raise Refused(fault("unknown_model", message, param="model"))

    def _exact(self, name: str) -> Route | None:
        for alias in self.aliases:
            if alias.name == name:
                return Route(alias.model or alias.name, alias.name, alias.effort)
        if any(offer.id == name for offer in self.offers):
            return Route(name)
        return None

    def _suffixed(self, name: str) -> Route | None:
        head, _, effort = name.rpartition("-")
        route = self._exact(head) if effort in self.efforts(head) else None
        return None if route is None else evolve(route, effort=effort)
