"""The shape of an answer that is kept: its end is told once the answer is safe, and not before."""

from typing import Literal, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from codexd.fronts.dialect import ResponseIdentity, StorageEncoder
from codexd.http.house import House
from codexd.http.shape import Settle, Shape
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, fault
from codexd.neutral.reply import Fold


class Waiter(Protocol):
    """The answer, as its keeping sees it."""

    def settle(self) -> None:
        """Go on: it is kept."""
        ...

    def not_kept(self, wrong: Fault) -> None:
        """Go on: it is not, and this is what to tell the client."""
        ...


class Kept:
    """Another shape, whose end waits for the store.

    An answer whose client leaves in the middle is kept as far as it came: the client knows its id.

    Args:
        inner: how the answer is written.
        keeping: how it is kept.
        stamp: what makes it this one.
        house: where the store is.
        waiter: told when the store has fired.
    """

    def __init__(
        self, inner: Shape, keeping: StorageEncoder, stamp: ResponseIdentity, house: House, waiter: Waiter
    ) -> None:
        self._inner = inner
        self._keeping = keeping
        self._stamp = stamp
        self._house = house
        self._waiter = waiter
        self._fold = Fold()
        self._last: e.Ended | e.Failed | None = None
        self._stands: Literal["open", "keeping", "kept"] = "open"
        self._told = self._gone = False

    @property
    def opened(self) -> bool:
        """Tell whether the status is 200, and from here on a failure is told inside the answer."""
        return self._inner.opened

    def feed(self, event: e.Event, choice: int) -> None:
        """Take one event; the end is held back until all is kept."""
        if self._stands != "open":
            self._inner.feed(event, choice)
            return
        self._fold.feed(event)
        if isinstance(event, e.Ended | e.Failed):
            self._last = event
        else:
            self._inner.feed(event, choice)

    def keepalive(self) -> None:
        """Say something that means nothing."""
        self._inner.keepalive()

    def settle(self) -> bool:
        """Write what is there, in one piece; tell whether anything was."""
        if self._stands == "kept" and self._last is not None:
            last, self._last = self._last, None
            self._inner.feed(last, 0)
        written = self._inner.settle()
        self._told = self._told or written
        return written

    def kept(self) -> bool:
        """Tell whether all is kept; the first time begin to, and let the waiter go on when it is."""
        if self._stands == "open":
            self._keep().addCallbacks(self._go_on, self._is_not)
            return False
        return self._stands == "kept"

    def end(self, settle: Settle) -> None:
        """Settle once the client has taken everything."""
        self._inner.end(settle)

    def discard(self) -> None:
        """Forget what waits, but keep what the client was told of. Idempotent."""
        self._gone = True
        self._inner.discard()
        if self._stands == "open" and self._told:
            if self._last is None:
                self._fold.feed(e.Failed(fault("cancelled")))
            self._keep().addCallbacks(self._go_on, self._is_not)

    def _keep(self) -> Deferred[None]:
        self._stands = "keeping"
        return maybeDeferred(
            lambda: self._house.store.save_response(self._keeping.encode(self._fold.build_reply(), self._stamp))
        )

    def _is_not(self, failure: Failure) -> None:
        wrong = self._house.journal.log_save_failure(failure)
        if self._gone or isinstance(self._last, e.Failed):
            self._go_on()  # it failed anyway, and says why
            return
        self._stands, self._last = "kept", None
        self._waiter.not_kept(wrong)

    def _go_on(self, _: None = None) -> None:
        self._stands = "kept"
        self._waiter.settle()
