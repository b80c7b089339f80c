"""The models of a provider that Codex's configuration selects: the configured one, and those that it lists."""

from functools import cached_property
from typing import Final

from attrs import evolve

from codexd.neutral.model import ModelCard
from codexd.neutral.records import frozen
from codexd.policy.catalog import AccountModel

EFFORTS: Final = ("low", "medium", "high")
"""The reasoning efforts that models of any provider are assumed to accept."""


@frozen(kw_only=True)
class ProviderModels:
    """The models of one provider.

    Attributes:
        provider: the provider's name.
        address: its base URL, without what may be secret.
        configured: the model that Codex's configuration names; offered even if the provider lists others.
        context_window: the configured context window in tokens; it overrides those that the provider reports.
        keeps_account: Codex is logged in too: the account's models stay on offer.
        listed: what the provider lists.
    """

    provider: str
    address: str = ""
    configured: str | None = None
    context_window: int | None = None
    keeps_account: bool = False
    listed: tuple[ModelCard, ...] = ()

    @cached_property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models with their context windows, the configured one first."""
        cards = {card.id: card for card in self.listed}
        if self.configured is not None:
            cards = {self.configured: cards.get(self.configured, ModelCard(id=self.configured))} | cards
        window = self.context_window
        return tuple(evolve(card, context_window=window or card.context_window) for card in cards.values())

    @property
    def windows(self) -> dict[str, int]:
        """The known context windows, in tokens, by model."""
        return {card.id: card.context_window for card in self.cards if card.context_window is not None}

    def offer(self, known: tuple[AccountModel, ...]) -> tuple[AccountModel, ...]:
        """Return the models to offer.

        Args:
            known: the models that Codex lists; those of the account are among them, although no account may exist.
        """
        efforts = {model.id: model.efforts for model in known}
        own = tuple(
            AccountModel(
                id=card.id,
                efforts=efforts.get(card.id) or EFFORTS,
                owned_by=self.provider,
                context_window=card.context_window,
            )
            for card in self.cards
        )
        names = {model.id for model in own}
        return own + tuple(model for model in known if self.keeps_account and model.id not in names)
