"""A handle of one response whose turn at a back end may be replaced by another one."""

from zope.interface import implementer

from codexd.interfaces import ITurnHandle


@implementer(ITurnHandle)
class RelayedHandle:
    """Passes commands on to the turn that runs now, and a pause to every later one.

    Attributes:
        cancelled: the client's side has cancelled the response.
    """

    def __init__(self) -> None:
        self._handle: ITurnHandle | None = None
        self._paused = False
        self.cancelled = False

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields that the current back end ignored (ITurnHandle)."""
        return () if self._handle is None else tuple(self._handle.ignored)

    def relay_to(self, handle: ITurnHandle | None) -> None:
        """Pass commands on to this turn from now on; None: to none."""
        self._handle = handle
        if self._paused and handle is not None:
            handle.pause()

    def cancel(self) -> None:
        """Cancel the current turn (ITurnHandle)."""
        self.cancelled = True
        if self._handle is not None:
            self._handle.cancel()

    def pause(self) -> None:
        """Pause the current turn and every later one (ITurnHandle)."""
        self._paused = True
        if self._handle is not None:
            self._handle.pause()

    def resume(self) -> None:
        """Resume the current turn (ITurnHandle)."""
        self._paused = False
        if self._handle is not None:
            self._handle.resume()
