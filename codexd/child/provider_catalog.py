"""Keeps the models of the configured provider up to date."""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from codexd.neutral.fault import FaultError
from codexd.neutral.model import ModelCard
from codexd.policy.provider_models import ProviderModels
from codexd.policy.shared_breaker import OUTAGE

RETRY_SECONDS: Final = 10.0
"""The delay before the list is requested again after a failure."""


class ProviderCatalog:
    """The models of a provider; a failure to list them leaves those that were known.

    Args:
        models: the models before the first request.
        read: requests the provider's list; raises FaultError.
        refresh_seconds: how often the list is requested.
        clock: measures that time.

    Attributes:
        models: the models that are known.
        reachable: whether the provider answered the last request, in whatever way.
    """

    _log = Logger()

    def __init__(
        self,
        models: ProviderModels,
        read: Callable[[], Awaitable[tuple[ModelCard, ...]]],
        refresh_seconds: float,
        clock: IReactorTime,
    ) -> None:
        self.models = models
        self.reachable = True
        self._read = read
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._due = 0.0
        self._failing = False

    @property
    def due(self) -> bool:
        """Whether it is time to request the list."""
        return self._clock.seconds() >= self._due

    async def refresh(self) -> bool:
        """Request the list; return whether the models have changed."""
        before, started = self.models, self._clock.seconds()
        self._due = started + self._refresh_seconds
        try:
            self.models = evolve(before, listed=await self._read())
        except FaultError as failed:
            self._due = started + min(self._refresh_seconds, RETRY_SECONDS)
            self.reachable = failed.fault.kind != OUTAGE
            self._warn(failed)
            return False
        self._failing, self.reachable = False, True
        return self.models != before

    def _warn(self, failed: FaultError) -> None:
        """Log the first of consecutive failures."""
        if not self._failing:
            self._log.warn(
                "Could not read the model list of Codex's provider {provider} ({kind}); offered are {models}",
                event="provider_list_failed",
                provider=self.models.provider,
                kind=failed.fault.note or failed.fault.kind,
                models=", ".join(card.id for card in self.models.cards[:8]) or "no models: set `model` in config.toml",
            )
        self._failing = True
