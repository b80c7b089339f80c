"""All answers in the background: taken in, found again, and marked where the end of a daemon cut them."""

from attrs import evolve
from twisted.python.failure import Failure

from codexd.fronts import responses
from codexd.fronts.dialect import DecodedRequest, StorageEncoder
from codexd.http.heading import set_heading
from codexd.http.house import House
from codexd.http.request import Request
from codexd.http.viewer import Viewer
from codexd.http.work import Work
from codexd.neutral.fault import FaultError, fault


class Works:
    """The answers that are queued or running in the background.

    Args:
        house: what every answer needs.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._works: dict[str, Work] = {}
        house.journal.metrics.watch("background_running", lambda: len(self._works))

    def find(self, owner: str, id: str) -> Work | None:
        """Give one that is not over, if it is the owner's."""
        work = self._works.get(id)
        return work if work is not None and work.kept.owner == owner else None

    async def answer(self, request: Request, exchange: DecodedRequest, keeping: StorageEncoder) -> bytes | None:
        """Begin one; its client is answered once it is kept, and may go then.

        Raises:
            FaultError: `busy`, `shutting_down`, or `store_failed`.
        """
        work = self._accept(request, exchange, keeping)
        queued = work.kept
        work.start()
        await work.queued.wait()
        if work.refused is not None:
            raise FaultError(work.refused)
        set_heading(request, work.ignored)
        if exchange.stream:
            await Viewer(self._house, request, work.transcript, 0).begin()
            return None
        return request.send(200, responses.render_stored(queued))

    def _accept(self, request: Request, exchange: DecodedRequest, keeping: StorageEncoder) -> Work:
        if len(self._works) >= self._house.responses.background_limit:
            raise FaultError(fault("busy"))
        record = evolve(request.record, method="background", status=200, usages=[])
        work = Work(exchange, keeping, self._house, record, self._forget)
        self._house.doorman.enter(work)
        self._works[work.kept.id] = work
        return work

    def _forget(self, work: Work) -> None:
        del self._works[work.kept.id]


async def recover(house: House) -> None:
    """Mark the answers that the last end of the daemon cut; nothing kept is read before that is done."""
    try:
        for cut in await house.store.load_unfinished():
            await house.store.save_response(responses.mark_interrupted(cut))
    except Exception:
        house.journal.log_save_failure(Failure())
    house.recovered.happen()
