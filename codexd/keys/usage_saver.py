"""Keeps what the API keys have spent over restarts: loads it at the start, and saves it every few seconds."""

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from codexd.interfaces import IUsageStore
from codexd.neutral.fault import FaultError
from codexd.policy.key_meter import KeyMeter, KeyMeters

SAVE_SECONDS: Final = 2.0
"""The most that a crash of the daemon loses of what was spent."""

RETRY_SECONDS: Final = 30.0
"""The delay after a failure of the store, which the store logs."""


class UsageSaver:
    """Loads and saves what the API keys have spent.

    Until it is loaded, keys with a budget are refused (`KeyMeter.reserve`), and nothing is saved.

    Args:
        meters: of the keys.
        store: the open store.
        clock: for the times of saving.
    """

    def __init__(self, meters: KeyMeters, store: IUsageStore, clock: IReactorTime) -> None:
        self._meters = meters
        self._store = store
        self._clock = clock
        self._loaded = False
        self._not_before = 0.0
        self._saving: Deferred[None] | None = None
        self._loop = LoopingCall(self._run)
        self._loop.clock = clock

    def start(self) -> None:
        """Load what was spent before, then save periodically."""
        self._loop.start(SAVE_SECONDS)

    def stop(self) -> "Deferred[None]":
        """Save once more; the store must still be open."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._loop.running:
            self._loop.stop()
        if self._saving is not None:
            await self._saving
        self._not_before = 0.0
        await self._save_or_load()

    def _run(self) -> "Deferred[None] | None":
        """Save what is not saved; the loop waits for the Deferred, so that there is one call at a time."""
        if self._clock.seconds() < self._not_before or (self._loaded and not self._unsaved()):
            return None
        self._saving = Deferred.fromCoroutine(self._save_or_load())
        return self._saving

    async def _save_or_load(self) -> None:
        try:
            await (self._save() if self._loaded else self._load())
        except FaultError:
            self._not_before = self._clock.seconds() + RETRY_SECONDS

    async def _load(self) -> None:
        spent = await self._store.load_key_usage()
        self._loaded = True
        self._meters.load(spent)

    async def _save(self) -> None:
        unsaved = self._unsaved()
        if not unsaved:
            return
        for meter in unsaved:
            meter.is_saved = True
        try:
            await self._store.save_key_usage(tuple(one for meter in unsaved for one in meter.spent()))
        except BaseException:
            for meter in unsaved:
                meter.is_saved = False
            raise

    def _unsaved(self) -> list[KeyMeter]:
        return [meter for meter in self._meters if not meter.is_saved]
