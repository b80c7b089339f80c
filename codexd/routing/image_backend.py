"""A back end that receives images inline: those that a request names by URL are loaded first."""

from collections.abc import Callable, Mapping
from random import random
from typing import Final

from attrs import Factory, define, evolve, field
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, FirstError, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, IImageLoader, IModelBackend, ITurnHandle, ModelCard, SlotState
from codexd.neutral.event import Event, Failed
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.policy.image_urls import failure
from codexd.policy.remote_images import ImageLimits, RemoteImage, find_remote_images, inline_images
from codexd.policy.slot_ledger import SlotLedger
from codexd.routing.internal_error import internal_failure
from codexd.routing.relayed_handle import RelayedHandle
from codexd.routing.turn_queue import QueueDependencies, QueuedTurn, TurnQueue
from codexd.settings import Images, Queue

_IMAGE_KINDS: Final = frozenset(("image_refused", "image_failed", "image_too_large", "image_type"))

_QUEUE_NAME: Final = "images"


@define(kw_only=True)
class ImageLoading:
    """How images are loaded; shared by all back ends.

    Attributes:
        loader: loads them.
        settings: the limits.
        clock: for the deadlines of requests.
        metrics: counts.
        queue_settings: the limits of the queue of requests that find `images.waiting_requests` reached.
        chance: returns a random number from 0 to 1, for the jitter of Retry-After.
        waiting: how many requests wait for images.
        slots: the requests that wait for images, by principal.
        queue: the requests that wait until others have their images.
    """

    loader: IImageLoader
    settings: Images
    clock: IReactorTime
    metrics: Metrics
    queue_settings: Queue = Factory(Queue)
    chance: Callable[[], float] = random
    waiting: int = 0
    slots: SlotLedger = Factory(SlotLedger)
    queue: TurnQueue = field(init=False)

    def __attrs_post_init__(self) -> None:
        needs = QueueDependencies(
            settings=self.queue_settings,
            slots=self.slots,
            turns_at_once=lambda principal: 0,
            clock=self.clock,
            metrics=self.metrics,
            chance=self.chance,
        )
        self.queue = TurnQueue(_QUEUE_NAME, needs, self._slot_state)
        self.metrics.watch_queue(_QUEUE_NAME, lambda: len(self.queue), lambda: self.queue.size_bytes)
        self.metrics.watch("requests_waiting_for_images", lambda: self.waiting)

    def _slot_state(self) -> SlotState:
        return "full" if self.waiting >= self.settings.waiting_requests else "free"

    def check(self, images: tuple[RemoteImage, ...]) -> None:
        """Check the number of images and their URLs.

        Raises:
            FaultError: `image_refused`, with the field of the image.
        """
        try:
            ImageLimits(self.settings.request_limit, self.settings.conversation_limit).check(images)
        except FaultError:
            self.metrics.count("images_refused")
            raise
        for image in images:
            try:
                self.loader.check(image.url)
            except FaultError as refused:
                raise FaultError(evolve(refused.fault, param=image.param)) from None

    def find_all(self, turn: Turn, images: tuple[RemoteImage, ...]) -> dict[str, str] | None:
        """Return all images from the cache; None if one of them must be fetched."""
        found = {image.url: data for image in images if (data := self.loader.find(turn.principal, image.url))}
        if len(found) < len(images):
            return None
        self.metrics.count("image_cache_hits", len(images))
        return found


@implementer(IModelBackend)
class InlineImagesBackend:
    """Wraps a back end that accepts only inline images.

    Args:
        backend: the wrapped back end.
        check: raises FaultError for a turn that the back end would refuse at once, so that nothing is fetched for it.
        loading: how images are loaded.
    """

    def __init__(self, backend: IModelBackend, check: Callable[[Turn], object], loading: ImageLoading) -> None:
        self._backend = backend
        self._check = check
        self._loading = loading

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response, once its images are loaded (IModelBackend)."""
        images = find_remote_images(turn.items)
        if not images:
            return self._backend.begin(turn, context, sink)
        self._check(turn)
        self._loading.check(images)
        found = self._loading.find_all(turn, images)
        if found is not None:
            check_total(images, found, self._loading.settings.conversation_bytes)
            return self._backend.begin(_inline(turn, found), context, sink)
        if not self._loading.queue.must_wait(context.principal):
            return self._load(turn, context, sink)
        entry = QueuedTurn(self._loading.queue, self._load, turn, context, sink)
        self._loading.queue.enter(entry)
        return entry

    def _load(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        images = find_remote_images(turn.items)
        return ImageTurn(self._backend, self._loading, turn, images, context, sink).start()

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of the wrapped back end (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Return whether a turn that begins now could run (IModelBackend)."""
        return self._backend.ready()


class ImageTurn(RelayedHandle):
    """One turn: it waits for its images, then it is the turn of the back end.

    Args:
        backend: the back end.
        loading: how images are loaded.
        turn: the turn.
        images: its images by URL.
        context: of its request.
        sink: receives its events.
    """

    def __init__(
        self,
        backend: IModelBackend,
        loading: ImageLoading,
        turn: Turn,
        images: tuple[RemoteImage, ...],
        context: RequestContext,
        sink: IEventSink,
    ) -> None:
        super().__init__()
        self._backend = backend
        self._loading = loading
        self._turn = turn
        self._images = images
        self._context = context
        self._sink = sink
        self._failed = False
        self._in_begin = self._is_waiting = True
        self._loads: Deferred[None] | None = None

    def start(self) -> "ImageTurn":
        """Start loading, and return the handle; what happens before is not settled."""
        self._loading.waiting += 1
        self._step = self._context.record.timeline.begin("images")
        self._step.count = len(self._images)
        self._loading.slots.take(self._context.principal)
        loads = Deferred.fromCoroutine(self._run())
        if not loads.called:
            self._loads = loads
        self._in_begin = False
        return self

    # ITurnHandle

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields without effect (ITurnHandle)."""
        return self._turn.ignored if self._handle is None else tuple(self._handle.ignored)

    def cancel(self) -> None:
        """Stop loading, or cancel the turn of the back end (ITurnHandle)."""
        super().cancel()
        loads, self._loads = self._loads, None
        if loads is not None:
            loads.cancel()

    # Loading.

    async def _run(self) -> None:
        event: Event | None = None
        try:
            found = await self._load_all()
            self._stop_waiting()
            self._begin(found)
        except FaultError as failed:
            event = Failed(failed.fault)
        except Exception:
            if not self.cancelled:
                event = internal_failure(self._loading.metrics.count, self._context.id)
        self._stop_waiting()
        if self.cancelled:
            return
        if event is not None:
            self._sink.receive(event)
        if not self._in_begin:
            self._sink.settle()

    def _begin(self, found: Mapping[str, str]) -> None:
        self.relay_to(self._backend.begin(_inline(self._turn, found), self._context, self._sink))

    def _stop_waiting(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._context.record.timeline.end(self._step)
            self._loading.waiting -= 1
            self._loading.slots.release(_QUEUE_NAME, self._context.principal)

    async def _load_all(self) -> dict[str, str]:
        """Load all images, a few at once; the first failure ends the others."""
        semaphore = DeferredSemaphore(self._loading.settings.concurrent_fetches)
        found: dict[str, str] = {}
        loads = [semaphore.run(self._load, image, found) for image in self._images]
        gathered = gatherResults(loads, consumeErrors=True)
        if self._context.deadline is not None:
            left = max(self._context.deadline - self._loading.clock.seconds(), 0.0)
            gathered.addTimeout(left, self._loading.clock, _raise_too_long)
        try:
            await gathered
        except Exception as failed:
            for load in loads:
                load.cancel()
            if isinstance(failed, FirstError):
                failed.subFailure.raiseException()
            raise
        return found

    def _load(self, image: RemoteImage, found: dict[str, str]) -> "Deferred[None]":
        """Load one image, unless another one has failed or was cancelled: the place of that one is free first."""
        return succeed(None) if self._failed else Deferred.fromCoroutine(self._load_one(image, found))

    async def _load_one(self, image: RemoteImage, found: dict[str, str]) -> None:
        try:
            found[image.url] = await self._loading.loader.load(self._turn.principal, image.url)
            check_total(self._images, found, self._loading.settings.conversation_bytes)
        except FaultError as failed:
            self._failed = True
            if failed.fault.kind in _IMAGE_KINDS and failed.fault.param is None:
                raise FaultError(evolve(failed.fault, param=image.param)) from None
            raise
        except CancelledError:
            self._failed = True
            raise


def check_total(images: tuple[RemoteImage, ...], found: Mapping[str, str], limit_bytes: int) -> None:
    """Check the total size of the images that are loaded so far.

    Raises:
        FaultError: `image_too_large`, with the first image beyond the limit as its `param`.
    """
    total = 0
    for image in images:
        total += len(found.get(image.url, "")) * 3 // 4
        if total > limit_bytes:
            message = f"The request's images by URL are larger than {limit_bytes} bytes (images.conversation_bytes)."
            raise FaultError(evolve(failure("?", "total_size", message, "image_too_large"), param=image.param))


def _inline(turn: Turn, found: Mapping[str, str]) -> Turn:
    return evolve(turn, items=inline_images(turn.items, found))


def _raise_too_long(result: object, seconds: float) -> object:
    raise FaultError(fault("too_long"))
