"""Answers that were kept, and those in the background: shown, streamed again, cancelled, deleted."""

from typing import Final

from attrs import frozen

from codexd.fronts import pagination, responses
from codexd.http.guard import Guard
from codexd.http.heading import set_heading
from codexd.http.house import House
from codexd.http.request import Request
from codexd.http.transcript import Transcript
from codexd.http.viewer import Viewer
from codexd.http.work import Work
from codexd.http.works import Works
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import StoredResponse
from codexd.policy import estimate

_NO_STREAM: Final = "Only a response that was made with 'background' can be streamed again."
_NO_CANCEL: Final = "Only a response that was made with 'background' can be cancelled."


@frozen
class Archive:
    """Sees to requests about answers (`/v1/responses/{id}` and what is under it).

    What is not there, or is somebody else's, is `response_not_found` everywhere.

    Attributes:
        guard: tells who asks.
        house: where the store is.
        works: the answers in the background.
    """

    guard: Guard
    house: House
    works: Works

    async def show(self, request: Request, id: str) -> bytes | None:
        """Show an answer as it stands, or the rest of its stream.

        Raises:
            FaultError: `not_background` for the stream of an answer that is not, `wrong_value` for a query.
        """
        owner = self.guard.admit(request)
        asked = responses.parse_retrieval_options(request.query)
        work = self.works.find(owner, id)
        kept = await self._kept(owner, id) if work is None else work.so_far()
        set_heading(request)
        if not asked.stream:
            return request.send(200, responses.render_stored(kept, asked.include))
        if not kept.background:
            raise FaultError(fault("not_background", _NO_STREAM, param="stream"))
        transcript, place = await self._stream(kept, work, asked.starting_after)
        if request.method == b"HEAD":
            transcript, place = Transcript(over=True), 0
        await Viewer(self.house, request, transcript, place).begin()
        return None

    async def _stream(self, kept: StoredResponse, work: Work | None, starting_after: int) -> tuple[Transcript, int]:
        """Give a stream, and from where in it the client is to have it."""
        if work is not None:
            said = bytes(work.transcript.said)
            rest = responses.resume_stream(said, starting_after)
            return work.transcript, len(said) - sum(map(len, rest))
        frames = await self.house.store.load_stream(kept.owner, kept.id)
        said_again = (
            responses.resume_stream(frames, starting_after)
            if frames
            else responses.render_final_stream(kept, starting_after)
        )
        return Transcript(b"".join(said_again), over=True), 0

    async def cancel(self, request: Request, id: str) -> bytes:
        """End an answer in the background, and show it; one that is over stays as it is.

        Raises:
            FaultError: `not_background`.
        """
        owner = self.guard.admit(request)
        kept = await self._stopped(owner, id) or await self._kept(owner, id)
        if not kept.background:
            raise FaultError(fault("not_background", _NO_CANCEL))
        return request.send(200, responses.render_stored(kept))

    async def delete(self, request: Request, id: str) -> bytes:
        """Delete an answer, and end it first if it is running."""
        owner = self.guard.admit(request)
        await self._stopped(owner, id)
        store = await self.house.memory()
        if not await store.delete_response(owner, id):
            raise FaultError(responses.response_not_found(id))
        return request.send(200, responses.render_deleted(id))

    async def input_items(self, request: Request, id: str) -> bytes:
        """List what the model was shown.

        Raises:
            FaultError: `wrong_value` for a query.
        """
        owner = self.guard.admit(request)
        asked = pagination.parse_page_query(request.query)
        store = await self.house.memory()
        items = await store.load_input_items(owner, id)
        if items is None:
            raise FaultError(responses.response_not_found(id))
        return request.send(200, pagination.render_page(items, asked))

    async def count(self, request: Request) -> bytes:
        """Count the tokens of a request that is not made.

        Raises:
            FaultError: for whatever is wrong with it.
        """
        terms = self.house.terms(self.guard.admit(request), request.getHeader)
        draft = responses.decode_for_counting(self.guard.body(request), terms)
        store = await self.house.memory()
        turn = draft.complete(await store.load_history(draft.history_query)).turn
        return request.send(200, responses.render_token_count(estimate.usage(turn, 0).input_tokens))

    def compact(self, request: Request) -> bytes:
        """Refuse to compact a history.

        Raises:
            FaultError: always.
        """
        self.guard.admit(request)
        raise FaultError(responses.compaction_unsupported())

    async def _stopped(self, owner: str, id: str) -> StoredResponse | None:
        """End an answer that runs in the background, if it does, and give it as it is kept then."""
        work = self.works.find(owner, id)
        if work is None:
            return None
        work.stop("cancelled")
        await work.over.wait()
        return work.kept

    async def _kept(self, owner: str, id: str) -> StoredResponse:
        """Give an answer that does not run; one whose end could not be kept is as good as cut."""
        store = await self.house.memory()
        kept = await store.load_response(owner, id)
        if kept is None:
            raise FaultError(responses.response_not_found(id))
        return kept if kept.state == "over" else responses.mark_interrupted(kept)
