"""Something that is asked of an upstream for a client, which gets what comes back as it is."""

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred

from codexd.http.house import House
from codexd.http.request import Request
from codexd.neutral.fault import FaultError, fault
from codexd.observe.request_record import CLIENT_GONE


class Errand:
    """One of them, which the end of the daemon waits for as for any answer.

    Args:
        house: what every answer needs.
        request: whose it is.
        ask: asks; may raise FaultError.
    """

    def __init__(self, house: House, request: Request, ask: "Callable[[], Deferred[bytes]]") -> None:
        self._house = house
        self._request = request
        self._ask = ask
        self._asked: Deferred[bytes] | None = None
        self._dismissed = False

    async def run(self) -> bytes:
        """Ask, and give the body to answer with. Cancel it when the client is gone.

        Raises:
            FaultError: as whoever was asked does; `shutting_down`.
        """
        self._house.doorman.enter(self)
        try:
            self._asked = self._ask()
            return self._request.send(200, await self._asked)
        except CancelledError:
            if self._dismissed:
                raise FaultError(fault("shutting_down")) from None
            self._request.record.outcome = CLIENT_GONE
            self._house.journal.metrics.count("client_gone")
            raise
        finally:
            self._house.doorman.leave(self)

    def dismiss(self) -> None:
        """Fail, as the daemon stops (doorman.Guest)."""
        self._dismissed = True
        if self._asked is not None:
            self._asked.cancel()
