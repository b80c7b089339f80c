"""Loads images for requests: from the cache, from a fetch that is running already, or by a new fetch."""

from collections.abc import Callable
from typing import Any, Final

from attrs import Factory, define
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from codexd.images.cache import ImageCache, Key
from codexd.images.client import FetchedImage, ImageClient
from codexd.interfaces import IImageLoader
from codexd.neutral.fault import FaultError, fault
from codexd.observe.log import format_failure
from codexd.observe.metrics import Metrics
from codexd.policy.addresses import AllowedHosts
from codexd.policy.image_urls import SEND_INLINE, ImageUrl, UrlRules, failure, refusal
from codexd.settings import Images

_EXPIRE_SECONDS: Final = 60.0
_REFUSED: Final = "image_refused"

Fetch = Callable[[ImageUrl], "Deferred[FetchedImage]"]
"""Fetches one image without a deadline; fails with FaultError."""


@define(eq=False)
class _RunningFetch:
    """A fetch, and the loads that wait for it."""

    fetching: "Deferred[FetchedImage] | None" = None
    waiting: list["Deferred[str]"] = Factory(list)


@implementer(IImageLoader)
class ImageLoader(Service):
    """Loads images under the limits of the settings.

    Args:
        settings: the limits.
        clock: for deadlines and the age of the cache.
        metrics: counts.
        fetch: fetches one image.
    """

    _log = Logger()

    def __init__(self, settings: Images, clock: IReactorTime, metrics: Metrics, fetch: Fetch) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._fetch = fetch
        self._rules = build_rules(settings)
        self._cache = ImageCache(settings.cache_seconds, settings.cache_bytes)
        self._running: dict[Key, _RunningFetch] = {}
        metrics.watch("image_cache_bytes", lambda: self._cache.size_bytes)
        self._expiry = LoopingCall(lambda: self._cache.expire(clock.seconds()))
        self._expiry.clock = clock

    @classmethod
    def from_settings(cls, settings: Images, reactor: Any, metrics: Metrics) -> "ImageLoader":
        """Build a loader that fetches over the network.

        Args:
            settings: the limits.
            reactor: provides IReactorTCP, IReactorTime and IReactorPluggableNameResolver.
            metrics: counts.
        """
        client = ImageClient(
            reactor=reactor,
            rules=build_rules(settings),
            max_bytes=settings.max_bytes,
            max_redirects=settings.max_redirects,
            connect_seconds=settings.connect_seconds,
        )
        return cls(settings, reactor, metrics, lambda url: Deferred.fromCoroutine(client.fetch(url)))

    def startService(self) -> None:
        """Begin to remove images that are too old."""
        super().startService()
        self._expiry.start(_EXPIRE_SECONDS, now=False)

    def stopService(self) -> None:
        """Cancel the running fetches; their requests fail with `shutting_down`."""
        super().stopService()
        if self._expiry.running:
            self._expiry.stop()
        for running in tuple(self._running.values()):
            waiting, running.waiting = running.waiting, []
            if running.fetching is not None:
                running.fetching.cancel()
            for one in waiting:
                one.errback(FaultError(fault("shutting_down")))

    # IImageLoader

    def check(self, url: str) -> None:
        """Check a URL without connecting to its host (IImageLoader)."""
        try:
            if not self._settings.fetch:
                message = f"This server fetches no images by URL (images.fetch). {SEND_INLINE}"
                raise FaultError(refusal("?", "off", message))
            self._rules.parse(url)
        except FaultError:
            self._metrics.count("images_refused")
            raise

    def find(self, owner: str, url: str) -> str | None:
        """Return a cached image (IImageLoader)."""
        return self._cache.find((owner, url), self._clock.seconds())

    def load(self, owner: str, url: str) -> "Deferred[str]":
        """Load an image (IImageLoader)."""
        found = self.find(owner, url)
        if found is not None:
            self._metrics.count("image_cache_hits")
            return succeed(found)
        key = (owner, url)
        running = self._running.get(key)
        waiting: Deferred[str] = Deferred(lambda one: self._leave(key, one))
        if running is None:
            running = self._running[key] = _RunningFetch(waiting=[waiting])
            self._start(key, running)
        else:
            running.waiting.append(waiting)
        return waiting

    def _start(self, key: Key, running: _RunningFetch) -> None:
        url = self._rules.parse(key[1])
        running.fetching = fetching = self._fetch(url)
        fetching.addTimeout(self._settings.fetch_seconds, self._clock, lambda *_: _raise_timeout(url.host))
        fetching.addCallbacks(
            lambda image: self._fetched(key, running, image), lambda failed: self._failed(key, running, failed)
        )

    def _fetched(self, key: Key, running: _RunningFetch, image: FetchedImage) -> None:
        self._metrics.count("images_fetched")
        self._metrics.count("image_bytes", len(image.body))
        data_url = image.data_url()
        self._cache.put(key, data_url, self._clock.seconds())
        for one in self._take_waiting(key, running):
            one.callback(data_url)

    def _failed(self, key: Key, running: _RunningFetch, failed: Failure) -> None:
        waiting = self._take_waiting(key, running)
        if not waiting:  # it was cancelled
            return
        if not isinstance(failed.value, FaultError):
            self._metrics.count("internal_error")
            self._log.error(
                "Unexpected error while an image was fetched: {where}",
                event="internal_error",
                where=format_failure(failed),
            )
        found = failed.value.fault if isinstance(failed.value, FaultError) else fault("internal")
        self._metrics.count("images_refused" if found.kind == _REFUSED else "images_failed")
        for one in waiting:
            one.errback(FaultError(found))

    def _take_waiting(self, key: Key, running: _RunningFetch) -> list["Deferred[str]"]:
        if self._running.get(key) is running:
            del self._running[key]
        waiting, running.waiting = running.waiting, []
        return waiting

    def _leave(self, key: Key, one: "Deferred[str]") -> None:
        """Stop waiting; the last one that leaves stops the fetch."""
        running = self._running.get(key)
        if running is None or one not in running.waiting:
            return
        running.waiting.remove(one)
        if not running.waiting:
            del self._running[key]
            if running.fetching is not None:
                running.fetching.cancel()


def build_rules(settings: Images) -> UrlRules:
    """Build the rules of the settings."""
    allowed = AllowedHosts.parse(settings.allow_private)
    return UrlRules(allowed, frozenset(settings.ports), settings.redirect_to_http)


def _raise_timeout(host: str) -> FetchedImage:
    raise FaultError(failure(host, "timeout", "The image could not be fetched in time (images.fetch_seconds)."))
