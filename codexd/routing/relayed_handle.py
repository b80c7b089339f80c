"""Handles of one response whose turn or request at a back end may be replaced by another one, or begin later."""

from typing import Generic, TypeVar

from zope.interface import implementer

from codexd.interfaces import IForwardingHandle, ITurnHandle

_Handle = TypeVar("_Handle", ITurnHandle, IForwardingHandle)


class _Relay(Generic[_Handle]):
    """Passes commands on to the handle that runs now, and a pause to every later one.

    Attributes:
        cancelled: the client's side has cancelled the response.
    """

    def __init__(self) -> None:
        self._handle: _Handle | None = None
        self._paused = False
        self.cancelled = False

    def relay_to(self, handle: _Handle | None) -> None:
        """Pass commands on to this handle from now on; None: to none."""
        self._handle = handle
        if self._paused and handle is not None:
            handle.pause()

    def cancel(self) -> None:
        """Cancel what runs now (ITurnHandle, IForwardingHandle)."""
        self.cancelled = True
        if self._handle is not None:
            self._handle.cancel()

    def pause(self) -> None:
        """Pause what runs now and everything later (ITurnHandle, IForwardingHandle)."""
        self._paused = True
        if self._handle is not None:
            self._handle.pause()

    def resume(self) -> None:
        """Resume what runs now (ITurnHandle, IForwardingHandle)."""
        self._paused = False
        if self._handle is not None:
            self._handle.resume()


@implementer(IForwardingHandle)
class RelayedForwarding(_Relay[IForwardingHandle]):
    """The handle of a forwarded request."""


@implementer(ITurnHandle)
class RelayedHandle(_Relay[ITurnHandle]):
    """The handle of a turn."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields that the current back end ignored (ITurnHandle)."""
        return () if self._handle is None else tuple(self._handle.ignored)
