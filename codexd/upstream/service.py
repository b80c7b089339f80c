"""All upstreams of a daemon: made from the settings, their lists kept fresh, closed at the end."""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred

from codexd.configuration.sources import Misconfigured
from codexd.observe.metrics import Metrics
from codexd.settings import Upstream
from codexd.upstream.backend import LIST_AGAIN_SECONDS, UpstreamBackend
from codexd.upstream.client import Client
from codexd.upstream.key import api_key


class Upstreams(MultiService):
    """The upstreams, in the order of the settings.

    Args:
        settings: one a upstream.
        environ: where keys may be.
        read: gives a file's text: a key, authorities; may raise OSError or UnicodeError.
        reactor: provides IReactorTCP and IReactorTime.
        chance: gives 0 to 1.
        now: gives Unix time in seconds.
        metrics: counts.

    Attributes:
        backends: what answers.

    Raises:
        Misconfigured: when a key or the authorities of one cannot be read.
    """

    def __init__(
        self,
        settings: tuple[Upstream, ...],
        environ: Mapping[str, str],
        read: Callable[[str], str],
        reactor: Any,
        chance: Callable[[], float],
        now: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        super().__init__()
        self._refreshing: set[Deferred[None]] = set()
        self.backends = tuple(
            UpstreamBackend(one, _client(one, environ, read, reactor), reactor, metrics, chance, now)
            for one in settings
        )
        for backend, one in zip(self.backends, settings, strict=True):
            timer = TimerService(min(one.refresh_seconds, LIST_AGAIN_SECONDS), self._refresh, backend)
            timer.clock = reactor
            timer.setServiceParent(self)

    def stopService(self) -> "Deferred[None]":
        """Ask for no more lists, cut the answers that are left, close the connections."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for refreshing in tuple(self._refreshing):
            refreshing.cancel()
        await maybeDeferred(super().stopService)
        for backend in self.backends:
            await backend.close()

    def _refresh(self, backend: UpstreamBackend) -> "Deferred[None] | None":
        if not backend.list_due:
            return None
        refreshing = Deferred.fromCoroutine(backend.refresh())
        self._refreshing.add(refreshing)
        refreshing.addErrback(lambda failure: failure.trap(CancelledError) and None)
        return refreshing.addBoth(lambda _: self._refreshing.discard(refreshing))


def _client(
    settings: Upstream, environ: Mapping[str, str], read: Callable[[str], str], reactor: Any
) -> Client:
    key = api_key(settings, environ, read)
    authorities = None
    try:
        if settings.ca_file is not None:
            authorities = read(settings.ca_file).encode()
        return Client.built(settings, key, authorities, reactor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Misconfigured(f"upstream {settings.name!r}: ca_file cannot be used: {reason}") from None
