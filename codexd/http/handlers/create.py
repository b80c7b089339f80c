"""Handlers of the endpoints that create an answer: Chat Completions, Responses, the legacy Completions."""

import secrets
from functools import partial
from typing import Final

from attrs import evolve, frozen
from twisted.internet.defer import Deferred

from codexd.answers.answer import Answer
from codexd.answers.replay import Replay
from codexd.fronts import responses
from codexd.fronts.dialect import DecodedRequest, Dialect, PendingRequest, RequestOptions
from codexd.http.dependencies import Dependencies
from codexd.http.json_writer import JsonWriter
from codexd.http.request import Request
from codexd.http.response_headers import set_response_headers
from codexd.http.response_writer import BodyWriter
from codexd.http.sse_writer import SseWriter
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import LoadedHistory

_MODEL_CHARACTERS: Final = 64  # of a model's name that are logged


@frozen
class CreateHandlers:
    """Decode the request, load its history, start the answer."""

    dependencies: Dependencies

    def create(self, request: Request) -> Deferred[bytes | None]:
        """Answer a request in the dialect of its route.

        Raises:
            FaultError: for whatever is wrong with the request.
        """
        request.record.dialect = request.dialect.name
        options = self.dependencies.options(request)
        self.dependencies.check_accepting()
        decoded = self.dependencies.bodies.decode(request, partial(_decode, request.dialect, options))
        if isinstance(decoded, _Standalone):
            return self._start(request, decoded.request)
        return Deferred.fromCoroutine(self._create(request, decoded))

    def create_from(
        self, request: Request, dialect: Dialect, body: bytes, writer: SseWriter | BodyWriter
    ) -> Deferred[bytes | None]:
        """Answer a body that codexd itself has made, with its reasoning and with structured tool calls.

        Args:
            request: with its context.
            dialect: of the body, which continues no stored state.
            body: the body.
            writer: writes the answer: a stream if the body asks for one.

        Raises:
            FaultError: as `create`.
        """
        request.record.dialect = dialect.name
        options = evolve(self.dependencies.options(request), show_reasoning=True, calls_as_text=False)
        self.dependencies.check_accepting()
        decoded = dialect.decode(body, options).complete(LoadedHistory())
        self._reserve(request, decoded)
        return self._answer(request, decoded, writer)

    async def _create(
        self, request: Request, decoding: "PendingRequest | Deferred[_Standalone | PendingRequest]"
    ) -> bytes | None:
        """Create an answer to a request that is still decoded in a thread, or that continues stored state."""
        timeline = request.record.timeline
        if isinstance(decoding, Deferred):
            step = timeline.begin("decode")
            decoded = await decoding
            timeline.end(step)
        else:
            decoded = decoding
        if isinstance(decoded, _Standalone):
            return await self._start(request, decoded.request)
        loaded = await self._recall(request, decoded)
        return await self._start(request, await self.dependencies.bodies.complete(request, decoded, loaded))

    async def _recall(self, request: Request, pending: PendingRequest) -> LoadedHistory:
        """Load the stored state that a request continues."""
        timeline = request.record.timeline
        step = timeline.begin("recall")
        store = await self.dependencies.store(request)
        loaded = await store.load_history(pending.history_query)
        history = loaded.history or ()
        step.count, step.size = len(history), sum(len(item.body) for item in history)
        timeline.end(step)
        return loaded

    def _start(self, request: Request, decoded: DecodedRequest) -> Deferred[bytes | None]:
        self._reserve(request, decoded)
        if decoded.storage is not None and decoded.storage.background:
            return Deferred.fromCoroutine(self._start_in_background(request, decoded))
        return self._answer(request, decoded, SseWriter(request) if decoded.stream else JsonWriter(request))

    def _reserve(self, request: Request, decoded: DecodedRequest) -> None:
        """Name the model in the record, and apply the policy of the key to it."""
        record, keys = request.record, self.dependencies.keys
        record.model = printable_model_name(decoded.turn.model)
        record.stream = decoded.stream
        record.tools_offered = len(decoded.turn.tools)
        keys.check_model(request.context.policy, decoded.turn.model)
        keys.reserve_turns(request, decoded.turns)

    def _answer(
        self, request: Request, decoded: DecodedRequest, writer: SseWriter | BodyWriter
    ) -> Deferred[bytes | None]:
        answer = Answer(self.dependencies.answers, request.context, decoded, writer)
        writer.on_client_disconnected(answer.client_disconnected)
        answer.start()
        return writer.done

    async def _start_in_background(self, request: Request, decoded: DecodedRequest) -> bytes | None:
        """Start a background answer; its client is answered once it is stored as queued."""
        record = request.record.begin_background(secrets.token_hex(8))
        charge = None if request.charge is None else request.charge.take_over()
        context = evolve(request.context, record=record, charge=charge)
        answer, request_log = (
            Answer(self.dependencies.answers, context, decoded, None),
            self.dependencies.answers.request_log,
        )
        request_log.begin(record)
        try:
            answer.start()
        except FaultError:
            request_log.forget(record)
            if charge is not None:
                charge.close()
            raise
        await answer.decided.wait()
        if answer.rejection is not None:
            request_log.forget(record)
            raise FaultError(answer.rejection)
        assert answer.storage is not None
        assert answer.storage.accepted is not None
        set_response_headers(request, answer.ignored)
        if decoded.stream:
            writer = SseWriter(request)
            replay = Replay(self.dependencies.answers, request.context, writer, answer.recording, 0, answer.ignored)
            writer.on_client_disconnected(replay.client_disconnected)
            replay.start()
            return await writer.done
        return request.send(200, responses.render_stored(answer.storage.accepted))


@frozen
class _Standalone:
    """A decoded request that continues no stored state."""

    request: DecodedRequest


def _decode(dialect: Dialect, options: RequestOptions, body: bytes) -> _Standalone | PendingRequest:
    """Decode a body as far as possible without stored state."""
    pending = dialect.decode(body, options)
    return _Standalone(pending.complete(LoadedHistory())) if pending.history_query.is_empty else pending


def printable_model_name(name: str) -> str:
    """Return a name that a client made up in a form that is safe to log."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:_MODEL_CHARACTERS])
