"""The service of all upstreams: builds them, refreshes their model lists, closes their connections."""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred

from codexd.configuration.sources import ConfigurationError
from codexd.observe.metrics import Metrics
from codexd.settings import Upstream
from codexd.upstream.api_key import load_api_key
from codexd.upstream.backend import LIST_RETRY_SECONDS, UpstreamBackend
from codexd.upstream.client import UpstreamClient


class Upstreams(MultiService):
    """The upstreams, in the order of the settings.

    Args:
        settings: the settings of each upstream.
        environ: the process environment, which may contain keys.
        read: returns the text of a file (a key, CA certificates); may raise OSError or UnicodeError.
        reactor: provides IReactorTCP and IReactorTime.
        chance: returns a random number from 0 to 1.
        now: returns Unix time in seconds.
        metrics: counts.

    Attributes:
        backends: the back end of each upstream.

    Raises:
        ConfigurationError: if the key or the CA certificates of an upstream cannot be read.
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
            UpstreamBackend(one, _build_client(one, environ, read, reactor), reactor, metrics, chance, now)
            for one in settings
        )
        for backend, one in zip(self.backends, settings, strict=True):
            timer = TimerService(min(one.refresh_seconds, LIST_RETRY_SECONDS), self._refresh, backend)
            timer.clock = reactor
            timer.setServiceParent(self)

    def stopService(self) -> "Deferred[None]":
        """Stop refreshing the model lists, cancel the running responses, close the connections."""
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


def _build_client(
    settings: Upstream, environ: Mapping[str, str], read: Callable[[str], str], reactor: Any
) -> UpstreamClient:
    key = load_api_key(settings, environ, read)
    ca_certificates = None
    try:
        if settings.ca_file is not None:
            ca_certificates = read(settings.ca_file).encode()
        return UpstreamClient.from_settings(settings, key, ca_certificates, reactor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        path = settings.ca_file
        raise ConfigurationError(f"upstream {settings.name!r}: ca_file {path} cannot be used: {reason}") from None
