"""Handlers of `/v1/responses/{id}` and what is under it: stored responses and background answers."""

from typing import Final

from attrs import frozen

from codexd.answers.answer import Answer
from codexd.answers.recording import Recording
from codexd.answers.replay import Replay
from codexd.fronts import pagination, responses
from codexd.http.dependencies import Dependencies
from codexd.http.request import Request
from codexd.http.response_headers import set_response_headers
from codexd.http.sse_writer import SseWriter
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import StoredResponse
from codexd.policy import estimate
from codexd.wire.stored_stream import decode_events

_NO_STREAM: Final = "Only a response that was created with 'background' can be streamed again."
_NO_CANCEL: Final = "Only a response that was created with 'background' can be cancelled."


@frozen
class StoredResponseHandlers:
    """Show, stream, cancel, delete, list.

    A response that does not exist, or is another caller's, is `response_not_found` everywhere.
    """

    dependencies: Dependencies

    async def show(self, request: Request, id: str) -> bytes | None:
        """Send a response as it stands, or the rest of its stream.

        Raises:
            FaultError: `not_background` for the stream of a response that is not, `wrong_value` for a query.
        """
        owner = request.context.principal
        options = responses.parse_retrieval_options(request.query)
        answer = self.dependencies.answers.active.find(owner, id)
        stored = await self._load(request, id) if answer is None else answer.snapshot()
        set_response_headers(request)
        if not options.stream:
            return request.send(200, responses.render_stored(stored, options.include))
        if not stored.background:
            raise FaultError(fault("not_background", _NO_STREAM, param="stream"))
        if answer is None:
            recording, position = await self._load_recording(request, stored, options.starting_after)
        else:
            recording = answer.recording
            position = options.starting_after + 1  # which may be ahead of a running answer
        if request.method == b"HEAD":
            recording, position = Recording(outcome="complete"), 0
        writer = SseWriter(request)
        replay = Replay(self.dependencies.answers, request.context, writer, recording, position)
        writer.on_client_disconnected(replay.client_disconnected)
        replay.start()
        return await writer.done

    async def _load_recording(
        self, request: Request, stored: StoredResponse, starting_after: int
    ) -> tuple[Recording, int]:
        """Return the recording of a response that is over, and the position to send it from."""
        store = await self.dependencies.store(request)
        stream = await store.load_stream(stored.owner, stored.id)
        if not stream:
            return Recording(responses.render_final_stream(stored, starting_after), "complete"), 0
        events = decode_events(stream)
        return Recording(events, "complete"), responses.resume_position(events, starting_after)

    async def cancel(self, request: Request, id: str) -> bytes:
        """End a background answer and send it; one that is over stays as it is.

        Raises:
            FaultError: `not_background`.
        """
        owner = request.context.principal
        stored = await self._stop(owner, id) or await self._load(request, id)
        if not stored.background:
            raise FaultError(fault("not_background", _NO_CANCEL))
        return request.send(200, responses.render_stored(stored))

    async def delete(self, request: Request, id: str) -> bytes:
        """Delete a response; a running one is ended first."""
        owner = request.context.principal
        await self._stop(owner, id)
        store = await self.dependencies.store(request)
        if not await store.delete_response(owner, id):
            raise FaultError(responses.response_not_found(id))
        return request.send(200, responses.render_deleted(id))

    async def input_items(self, request: Request, id: str) -> bytes:
        """List what the model was shown.

        Raises:
            FaultError: `wrong_value` for a query.
        """
        query = pagination.parse_page_query(request.query)
        store = await self.dependencies.store(request)
        items = await store.load_input_items(request.context.principal, id)
        if items is None:
            raise FaultError(responses.response_not_found(id))
        return request.send(200, pagination.render_page(items, query))

    async def count_tokens(self, request: Request) -> bytes:
        """Estimate the input tokens of a request that is not made.

        Raises:
            FaultError: for whatever is wrong with it.
        """
        options, bodies = self.dependencies.options(request), self.dependencies.bodies
        pending = await bodies.decode_fully(request, lambda body: responses.decode_for_counting(body, options))
        store = await self.dependencies.store(request)
        decoded = await bodies.complete(request, pending, await store.load_history(pending.history_query))
        return request.send(200, responses.render_token_count(estimate.usage(decoded.turn, 0).input_tokens))

    async def _stop(self, owner: str, id: str) -> StoredResponse | None:
        """End a background answer that is running, and return it as it is stored then."""
        answer: Answer | None = self.dependencies.answers.active.find(owner, id)
        if answer is None:
            return None
        answer.lifecycle.stop(fault("cancelled"))
        await answer.over.wait()
        return answer.snapshot()

    async def _load(self, request: Request, id: str) -> StoredResponse:
        """Return a response that is not running; one whose end could not be stored counts as interrupted."""
        store = await self.dependencies.store(request)
        stored = await store.load_response(request.context.principal, id)
        if stored is None:
            raise FaultError(responses.response_not_found(id))
        return stored if stored.state == "over" else responses.mark_interrupted(stored)
