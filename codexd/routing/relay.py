"""One answer that may be asked of several back ends in turn, until one of them begins to speak."""

from collections.abc import Callable

from zope.interface import implementer

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Event, Failed
from codexd.neutral.fault import Fault, Refused
from codexd.policy.routing import worth_another
from codexd.routing import defect

Way = Callable[[IEventSink], ITurnHandle]
"""Begins the answer with one back end; raises Refused."""


@implementer(IEventSink)
class _Ear:
    """Listens to one of the back ends, and to nothing it says once another was asked."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self.spoken = False

    def receive(self, event: Event) -> None:
        """Take the next event (IEventSink)."""
        self._relay.hear(self, event)

    def flush(self) -> None:
        """Nothing more comes in this turn of the reactor (IEventSink)."""
        self._relay.flush(self)


@implementer(ITurnHandle)
class Relay:
    """Asks one after another.

    Only before the first event: from then on the client has seen whose answer it is.

    Args:
        ways: whom to ask, in order; at least one.
        sink: who waits for the answer.
        count: told `fallback_taken` and `internal_error`.
    """

    def __init__(self, ways: tuple[Way, ...], sink: IEventSink, count: Callable[[str], None]) -> None:
        self._ways = list(ways)
        self._sink = sink
        self._count = count
        self._handle: ITurnHandle | None = None
        self._ear = _Ear(self)
        self._failed = False
        self._over = self._held = False

    @property
    def ignored(self) -> tuple[str, ...]:
        """What the back end that answers had no use for (ITurnHandle)."""
        return () if self._handle is None else tuple(self._handle.ignored)

    def begin(self) -> None:
        """Ask the first of them that does not refuse or fail at once.

        Raises:
            Refused: as the last of them does.
        """
        self._ask()
        while self._failed and self._ways:
            self._ask()

    def _ask(self) -> None:
        way = self._ways.pop(0)
        self._failed, self._ear = False, _Ear(self)
        try:
            self._handle = way(self._ear)
        except Refused as refused:
            if not self._another(refused.fault):
                raise
        if self._held and self._handle is not None:
            self._handle.hold()

    def _another(self, fault: Fault) -> bool:
        """Note a failure, and tell whether somebody else is to be asked."""
        if not self._ways or not worth_another(fault):
            return False
        self._failed, self._handle = True, None
        self._count("fallback_taken")
        return True

    # What comes from the back ends.

    def hear(self, ear: _Ear, event: Event) -> None:
        """Take an event of one of them."""
        if ear is not self._ear or self._over or self._failed:
            return
        if isinstance(event, Failed) and not ear.spoken and self._another(event.fault):
            return
        ear.spoken = True
        self._sink.receive(event)

    def flush(self, ear: _Ear) -> None:
        """Pass it on; or ask the next, as the one that was asked has failed."""
        if ear is not self._ear or self._over:
            return
        while self._failed:
            self._ask_late()
        self._sink.flush()

    def _ask_late(self) -> None:
        try:
            self._ask()
        except Refused as refused:
            self._end(Failed(refused.fault))
        except Exception:
            self._end(defect.failed(self._count))

    def _end(self, failed: Failed) -> None:
        self._failed, self._handle = False, None
        self._sink.receive(failed)

    # What comes from the front (ITurnHandle).

    def cancel(self) -> None:
        """Nobody wants the rest."""
        self._over = True
        if self._handle is not None:
            self._handle.cancel()

    def hold(self) -> None:
        """The reader is too slow."""
        self._held = True
        if self._handle is not None:
            self._handle.hold()

    def release(self) -> None:
        """The reader has caught up."""
        self._held = False
        if self._handle is not None:
            self._handle.release()
