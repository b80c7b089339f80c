"""What one upstream offers, under which names: its own list, an allow-list with other names, a prefix."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from attrs import evolve, frozen

from codexd.neutral.fault import Refused, fault
from codexd.neutral.model import ModelCard


@frozen
class Menu:
    """The models of one upstream.

    Attributes:
        listed: what it says it has, under its own names.
        named: the only ones offered, as (name here, its own name); empty offers all that is listed.
        prefix: what every name begins with here.
        any: a name that is not known is passed on, its prefix taken off.
        read: what it lists was read, or it gives no list.
    """

    listed: tuple[ModelCard, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    any: bool = False
    read: bool = True

    @property
    def settled(self) -> bool:
        """Whether it is known of every name if it is offered."""
        return self.read or bool(self.named) or self.any

    @cached_property
    def cards(self) -> tuple[ModelCard, ...]:
        """What there is to list. A named model is offered also while the upstream has not been asked."""
        own = {card.id: card for card in self.listed}
        if self.named:
            found = [evolve(own.get(name, ModelCard(name)), id=here) for here, name in self.named]
        else:
            found = [*self.listed]
        return tuple(evolve(card, id=self.prefix + card.id) for card in found)

    def own_name(self, name: str) -> str | None:
        """Give what the upstream calls a model; None when it is not offered."""
        if not name.startswith(self.prefix):
            return None
        bare = name[len(self.prefix) :]
        return self._own_names.get(bare) or (bare if self.any and bare else None)

    @cached_property
    def _own_names(self) -> Mapping[str, str]:
        return dict(self.named) or {card.id: card.id for card in self.listed}

    def window(self, own: str) -> int | None:
        """Give the context window of a model by its own name, in tokens, as far as the upstream tells."""
        return next((card.context_window for card in self.listed if card.id == own), None)

    def resolve(self, name: str) -> str:
        """Give what the upstream calls a model.

        Raises:
            Refused: `unknown_model`; `not_ready` while that cannot be known.
        """
        own = self.own_name(name)
        if own is None and not self.settled and name.startswith(self.prefix):
            raise Refused(fault("not_ready"))
        if own is None:
            message = f"The model '{name[:64]}' does not exist or you do not have access to it."
            raise Refused(fault("unknown_model", message, param="model"))
        return own


def named(entries: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read an allow-list of `name` and `name=its-own-name`."""
    pairs = (entry.partition("=") for entry in entries)
    return tuple((here.strip(), own.strip() or here.strip()) for here, _, own in pairs if here.strip())
