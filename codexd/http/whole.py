"""The shape of an answer in one piece: the fold of the very events that would have been streamed."""

from codexd.fronts.dialect import DecodedRequest, ResponseIdentity
from codexd.http.request import Request
from codexd.http.shape import Host, Settle
from codexd.neutral.event import Event
from codexd.neutral.reply import Fold


class Whole:
    """One JSON body, when everything is known.

    Attributes:
        opened: never: until its end a failure can be an HTTP error.
    """

    opened: bool = False

    def __init__(self, request: Request, exchange: DecodedRequest, stamp: ResponseIdentity, host: Host) -> None:
        self._request = request
        self._exchange = exchange
        self._stamp = stamp
        self._host = host
        self._folds = [Fold() for _ in exchange.turns]

    def feed(self, event: Event, choice: int) -> None:
        """Take one event of one choice."""
        self._folds[choice].feed(event)

    def keepalive(self) -> None:
        """Say nothing: there is no way to, before the status is known."""

    def settle(self) -> bool:
        """Write nothing yet."""
        return False

    def kept(self) -> bool:
        """Tell that there is nothing to keep."""
        return True

    def end(self, settle: Settle) -> None:
        """Settle with the body."""
        body = self._exchange.render(tuple(fold.build_reply() for fold in self._folds), self._stamp)
        self._host.head()
        settle(self._request.send(200, body))

    def discard(self) -> None:
        """Forget what came: nobody will read it."""
