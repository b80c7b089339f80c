"""The models of one upstream and their names: its own list, an allow-list with aliases, a prefix."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from attrs import evolve

from codexd.neutral.fault import FaultError, fault
from codexd.neutral.model import ModelCard
from codexd.neutral.records import frozen


@frozen(kw_only=True)
class UpstreamModels:
    """The models of one upstream.

    Attributes:
        listed: the models that the upstream lists, under its own names.
        allowed: the only models to expose, as (exposed name, upstream name); empty exposes all listed ones.
        prefix: the prefix of every exposed name.
        passes_unlisted: an unknown name is passed on without its prefix.
        is_loaded: the upstream's list was read, or the upstream has none.
    """

    listed: tuple[ModelCard, ...] = ()
    allowed: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    passes_unlisted: bool = False
    is_loaded: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether it is known for every name if the upstream has it."""
        return self.is_loaded or bool(self.allowed) or self.passes_unlisted

    @cached_property
    def cards(self) -> tuple[ModelCard, ...]:
        """The exposed models. Allowed models are included even before the upstream's list is read."""
        own = {card.id: card for card in self.listed}
        if self.allowed:
            cards = [evolve(own.get(name, ModelCard(id=name)), id=exposed) for exposed, name in self.allowed]
        else:
            cards = [*self.listed]
        return tuple(evolve(card, id=self.prefix + card.id) for card in cards)

    def find_upstream_name(self, name: str) -> str | None:
        """Return the upstream's name of an exposed model, or None if it is not exposed."""
        if not name.startswith(self.prefix):
            return None
        bare = name[len(self.prefix) :]
        return self._upstream_names.get(bare) or (bare if self.passes_unlisted and bare else None)

    @cached_property
    def _upstream_names(self) -> Mapping[str, str]:
        return dict(self.allowed) or {card.id: card.id for card in self.listed}

    def context_window(self, upstream_name: str) -> int | None:
        """Return the context window of a model in tokens, or None if the upstream does not report it."""
        return next((card.context_window for card in self.listed if card.id == upstream_name), None)

    def resolve(self, name: str) -> str:
        """Return the upstream's name of an exposed model.

        Raises:
            FaultError: `unknown_model`, or `not_ready` if the upstream's list is needed but not read yet.
        """
        upstream_name = self.find_upstream_name(name)
        if upstream_name is None and not self.is_complete and name.startswith(self.prefix):
            raise FaultError(fault("not_ready"))
        if upstream_name is None:
            message = f"The model '{name[:64]}' does not exist or you do not have access to it."
            raise FaultError(fault("unknown_model", message, param="model"))
        return upstream_name


def parse_allow_list(entries: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Parse an allow-list of `NAME` and `NAME=UPSTREAM-NAME` entries into (exposed name, upstream name)."""
    pairs = (entry.partition("=") for entry in entries)
    return tuple((exposed.strip(), name.strip() or exposed.strip()) for exposed, _, name in pairs if exposed.strip())
