"""The service of all upstreams: builds them, refreshes their model lists, closes their connections."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import field, frozen
from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.observe.metrics import Metrics
from codexd.policy.slot_ledger import SlotLedger
from codexd.settings import Upstream
from codexd.upstream.api_key import load_api_key
from codexd.upstream.backend import LIST_RETRY_SECONDS, UpstreamBackend
from codexd.upstream.ca_file import load_ca_certificates
from codexd.upstream.client import UpstreamClient

_LOG: Final = Logger()


class _Refresher(TimerService):
    """Refreshes the model list of one upstream, and can be stopped while it waits for the list."""

    def __init__(self, backend: UpstreamBackend, refresh_seconds: float, reactor: Any) -> None:
        super().__init__(min(refresh_seconds, LIST_RETRY_SECONDS), self._refresh)
        self.clock = reactor
        self._backend = backend
        self._refreshing: Deferred[None] | None = None

    def stopService(self) -> "Deferred[None]":
        """Stop refreshing; it need not have begun, as Twisted stops the parts of a service that never started."""
        if not self.running:
            return succeed(None)
        if self._refreshing is not None:
            self._refreshing.cancel()
        return maybeDeferred(super().stopService)

    def _refresh(self) -> "Deferred[None] | None":
        if not self._backend.list_due:
            return None
        self._refreshing = Deferred.fromCoroutine(self._backend.refresh())
        self._refreshing.addErrback(lambda failure: failure.trap(CancelledError) and None)
        return self._refreshing


@frozen
class UpstreamSecrets:
    """What the files and the environment add to the settings of an upstream.

    Attributes:
        key: its API key.
        ca_certificates: PEM data of the authorities of its certificate.
    """

    key: str | None = field(default=None, repr=False)
    ca_certificates: bytes | None = None


@frozen
class PreparedUpstreams:
    """Upstreams that are built, but not in use yet (`Upstreams.prepare`).

    Attributes:
        settings: the settings of each upstream.
        backends: their back ends: that in use where the settings are the same, else a new one.
    """

    settings: tuple[Upstream, ...]
    backends: tuple[UpstreamBackend, ...]


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
        slots: records which turns run.

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
        slots: SlotLedger | None = None,
    ) -> None:
        super().__init__()
        self._environ, self._read, self._reactor = environ, read, reactor
        self._chance, self._now, self._metrics, self._slots = chance, now, metrics, slots
        self._clients: dict[UpstreamBackend, tuple[Upstream, UpstreamSecrets]] = {}
        self._refreshers: dict[UpstreamBackend, _Refresher] = {}
        self.backends: tuple[UpstreamBackend, ...] = ()
        self.apply(self.prepare(settings))

    def prepare(self, settings: tuple[Upstream, ...]) -> PreparedUpstreams:
        """Build the upstreams of other settings, without using them.

        Raises:
            ConfigurationError: if the key or the CA certificates of an upstream cannot be read.
        """
        return PreparedUpstreams(settings, tuple(map(self._find_or_build, settings)))

    def apply(self, prepared: PreparedUpstreams) -> None:
        """Use prepared upstreams. Requests that run at an upstream that is no longer used go on."""
        unused = [backend for backend in self.backends if backend not in prepared.backends]
        added = [backend for backend in prepared.backends if backend not in self._refreshers]
        self.backends = prepared.backends
        for backend in unused:
            self._remove(backend)
        for backend, one in zip(prepared.backends, prepared.settings, strict=True):
            if backend in added:
                self._metrics.watch_upstream(backend.name, backend.ready, backend.has_open_circuit)
                self._refreshers[backend] = refresher = _Refresher(backend, one.refresh_seconds, self._reactor)
                refresher.setServiceParent(self)

    def readiness(self) -> dict[str, bool]:
        """Return for each upstream, by name, whether it is ready."""
        return {backend.name: backend.ready() for backend in self.backends}

    def stopService(self) -> "Deferred[None]":
        """Stop refreshing the model lists, cancel the running responses, close the connections."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(super().stopService)
        for backend in self.backends:
            await backend.close()

    def _find_or_build(self, settings: Upstream) -> UpstreamBackend:
        """Return the back end in use with these settings and the same key, else a new one."""
        secrets = _load_secrets(settings, self._environ, self._read)
        for backend in self.backends:
            if self._clients[backend] == (settings, secrets):
                return backend
        client = _build_client(settings, secrets, self._reactor)
        backend = UpstreamBackend(settings, client, self._reactor, self._metrics, self._chance, self._now, self._slots)
        self._clients[backend] = settings, secrets
        return backend

    def _remove(self, backend: UpstreamBackend) -> None:
        self._clients.pop(backend, None)
        refresher = self._refreshers.pop(backend)
        maybeDeferred(refresher.disownServiceParent).addErrback(_log_unexpected)
        if backend.name not in {one.name for one in self.backends}:
            self._metrics.forget_upstream(backend.name)
        Deferred.fromCoroutine(backend.close_unused()).addErrback(_log_unexpected)


def _log_unexpected(failure: Failure) -> None:
    _LOG.failure("Internal error in the service of the upstreams", failure, event="internal_error")


def _load_secrets(settings: Upstream, environ: Mapping[str, str], read: Callable[[str], str]) -> UpstreamSecrets:
    key = load_api_key(settings, environ, read)
    return UpstreamSecrets(key, load_ca_certificates(settings, read))


def _build_client(settings: Upstream, secrets: UpstreamSecrets, reactor: Any) -> UpstreamClient:
    return UpstreamClient.from_settings(settings, secrets.key, secrets.ca_certificates, reactor)
