"""Which models an API key may use: by the patterns of its policy, and agent aliases only if it may run agents."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Literal, Protocol

from codexd.neutral.fault import FaultError, fault
from codexd.neutral.model import ModelCard
from codexd.neutral.records import frozen
from codexd.policy.key_policy import KeyPolicy

_ECHOED_CHARACTERS = 64


class AgentAlias(Protocol):
    """A configured alias (codexd.settings.ModelAlias)."""

    @property
    def name(self) -> str:
        """The name that clients request."""
        ...

    @property
    def fallback(self) -> tuple[str, ...]:
        """The names to try instead."""
        ...

    @property
    def profile(self) -> Literal["plain", "agent"]:
        """`agent`: with a shell and a workspace."""
        ...


@frozen
class ModelAccess:
    """Decides which models a key may use.

    Attributes:
        agents: the aliases that run as agents, or fall back to one that does.
    """

    agents: frozenset[str] = frozenset()

    @classmethod
    def of_aliases(cls, aliases: Iterable[AgentAlias]) -> "ModelAccess":
        """Build it from the configured aliases."""
        by_name: Mapping[str, AgentAlias] = {alias.name: alias for alias in aliases}
        agents = {name for name, alias in by_name.items() if alias.profile == "agent"}
        falling_back = {name for name, alias in by_name.items() if agents.intersection(alias.fallback)}
        return cls(frozenset(agents | falling_back))

    def check(self, policy: KeyPolicy, model: str | None, list_cards: Callable[[], Iterable[ModelCard]]) -> None:
        """Refuse a model that the key may not use.

        Args:
            policy: of the key.
            model: the requested name; None if the request names none, so that the upstream chooses.
            list_cards: returns the models on offer.

        Raises:
            FaultError: `model_not_allowed`.
        """
        if self._allows_all(policy):
            return
        if model is None:
            if policy.models:
                message = "This API key may use certain models only; the request must name one."
                raise FaultError(fault("model_not_allowed", message, param="model"))
            return
        if not self._allows(policy, model, {card.id: card for card in list_cards()}):
            name = "".join(letter if letter.isprintable() else "?" for letter in model[:_ECHOED_CHARACTERS])
            message = f"This API key may not use the model '{name}'. GET /v1/models lists its models."
            raise FaultError(fault("model_not_allowed", message, param="model"))

    def visible(self, policy: KeyPolicy, cards: tuple[ModelCard, ...]) -> tuple[ModelCard, ...]:
        """Return the models that the key may use."""
        if self._allows_all(policy):
            return cards
        by_id = {card.id: card for card in cards}
        return tuple(card for card in cards if self._allows(policy, card.id, by_id))

    def _allows_all(self, policy: KeyPolicy) -> bool:
        return not policy.models and (policy.agent or not self.agents)

    def _allows(self, policy: KeyPolicy, model: str, cards: Mapping[str, ModelCard]) -> bool:
        if not policy.agent and self._is_agent(model, cards):
            return False
        names = (model, *_without_effort(model, cards))
        return not policy.models or any(fnmatchcase(name, pattern) for pattern in policy.models for name in names)

    def _is_agent(self, model: str, cards: Mapping[str, ModelCard]) -> bool:
        """Return whether a name is an agent's; anything after a dash may be an effort, as they may not be known yet."""
        return model in self.agents or (model not in cards and model.rpartition("-")[0] in self.agents)


def _without_effort(model: str, cards: Mapping[str, ModelCard]) -> tuple[str, ...]:
    """Return the name of the model if `model` is that name with an effort, as in `gpt-5-high`."""
    head, _, effort = model.rpartition("-")
    card = None if model in cards else cards.get(head)
    return (head,) if card is not None and effort in card.efforts else ()
