"""The shape of a streamed answer: the first event opens the stream, frames leave in one write a turn."""

from twisted.internet.interfaces import IReactorTime

from codexd.fronts.dialect import Encoder
from codexd.http.heading import STREAM
from codexd.http.outlet import Outlet
from codexd.http.request import Request
from codexd.http.shape import Host, Settle
from codexd.neutral.event import Event
from codexd.policy import flow


class Streamed:
    """Frames to one client.

    Attributes:
        opened: an event was fed: the status is 200, and from here on a failure is told inside the stream.
    """

    def __init__(
        self, request: Request, encoder: Encoder, clock: IReactorTime, limits: flow.FlowLimits, host: Host
    ) -> None:
        self._request = request
        self._encoder = encoder
        self._clock = clock
        self._limits = limits
        self._host = host
        self._frames: list[bytes] = []
        self._outlet: Outlet | None = None
        self.opened = False

    def feed(self, event: Event, choice: int) -> None:
        """Take one event of one choice."""
        self._frames += self._encoder.feed(event, choice)
        self.opened = True

    def keepalive(self) -> None:
        """Say something that means nothing, unless the client is behind anyway."""
        if self._outlet is None or not self._outlet.waiting:
            self._frames.append(self._encoder.keepalive())

    def settle(self) -> bool:
        """Write what is there, in one piece; tell whether anything was."""
        if not self._frames:
            return False
        frames, self._frames = self._frames, []
        self._way_out().write(frames)
        return True

    def kept(self) -> bool:
        """Tell that there is nothing to keep."""
        return True

    def end(self, settle: Settle) -> None:
        """Settle once the client has taken everything; there is no body left to write then."""
        self._way_out().close(lambda: settle(None))

    def discard(self) -> None:
        """Forget what waits: nobody will read it. Idempotent."""
        self._frames.clear()
        if self._outlet is not None:
            self._outlet.discard()

    def _way_out(self) -> Outlet:
        if self._outlet is None:
            self._request.setResponseCode(200)
            self._request.set_headers(STREAM)
            self._host.head()
            self._outlet = Outlet(self._request, self._clock, self._limits, self._host)
        return self._outlet
