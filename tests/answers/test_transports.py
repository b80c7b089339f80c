"""A transport and an error shape are one file each: answers over a writer without HTTP, and another API's errors."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from klein import Klein
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.administration.maintenance import MaintenanceSwitch
from codexd.answers.answer import Answer
from codexd.answers.dependencies import AnswerDependencies
from codexd.answers.replay import Replay
from codexd.context import RequestContext, RequestRecord
from codexd.fronts.dialect import (
    DecodedRequest,
    Dialect,
    Encoder,
    Headers,
    PendingRequest,
    RequestOptions,
    ResponseIdentity,
    StandaloneRequest,
    StreamEvent,
    turn_for_choice,
)
from codexd.fronts.openai import CHAT, RESPONSES
from codexd.http.auth import Authenticator
from codexd.http.body import BodyReader
from codexd.http.dependencies import Dependencies
from codexd.http.handlers.create import CreateHandlers
from codexd.http.json_writer import JsonWriter
from codexd.http.key_access import KeyAccess
from codexd.http.request import Request
from codexd.http.sse_writer import SseWriter
from codexd.interfaces import IBodyWriter, IStreamWriter
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.policy.byte_budget import ByteBudget
from codexd.policy.flow import FlowLimits
from codexd.policy.key_meter import KeyMeters
from codexd.policy.model_access import ModelAccess
from codexd.settings import Http, Maintenance, Responses
from codexd.tools.output_mode import OutputModes
from codexd.wire import json
from tests.support.fake_backend import BEGINNING, MODEL_FAILED, REST, FakeTurn, text_answer
from tests.support.in_memory_server import InMemoryServer, Response, chat
from tests.support.list_writer import ListWriter

DELTA = "a" * 1000
MESSAGES = "/v1/messages"

# A dialect of another API: Anthropic's errors, and as much of its streams as a text needs.

_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 503: "overloaded_error"}


def envelope(wrong: Fault) -> dict[str, Any]:
    error = {"type": _TYPES.get(wrong.status, "api_error"), "message": wrong.message}
    return {"type": "error", "error": error}


def render_error(wrong: Fault) -> bytes:
    return json.encode(envelope(wrong))


def error_headers(wrong: Fault) -> Headers:
    return ((b"x-should-retry", b"true" if wrong.should_retry else b"false"),)


class AnthropicEncoder:
    """Encodes a text as `content_block_delta` events (Encoder)."""

    reads_folds = False

    def feed(self, event: e.Event, choice: int = 0) -> list[StreamEvent]:
        match event:
            case e.Began():
                return [(b"message_start", json.encode({"type": "message_start"}))]
            case e.TextDelta():
                delta = {"type": "text_delta", "text": event.text}
                return [(b"content_block_delta", json.encode({"type": "content_block_delta", "delta": delta}))]
            case e.Ended():
                return [(b"message_stop", json.encode({"type": "message_stop"}))]
            case e.Failed():
                return [(b"error", render_error(event.fault))]
        return []

    def keep_alive(self) -> StreamEvent | None:
        return (b"ping", json.encode({"type": "ping"}))


@frozen
class AnthropicRequest:
    """A request body in Chat's shape that is answered in Anthropic's (DecodedRequest)."""

    turn: Turn
    stream: bool
    storage: None = None

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (turn_for_choice(self.turn, 0),)

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> Encoder:
        return AnthropicEncoder()

    def render(self, replies: tuple[Reply, ...], identity: ResponseIdentity) -> bytes:
        content = [{"type": "text", "text": replies[0].text}]
        return json.encode({"type": "message", "role": "assistant", "content": content})


def decode(body: bytes, options: RequestOptions) -> PendingRequest:
    decoded = CHAT.decode(body, options).complete(LoadedHistory())
    return StandaloneRequest.of(AnthropicRequest(decoded.turn, decoded.stream))


ANTHROPIC = Dialect(
    name="anthropic",
    decode=decode,
    render_error=render_error,
    error_headers=error_headers,
    headers=((b"anthropic-version", b"2023-06-01"),),
)


class TransportTestCase(SynchronousTestCase):
    """Answers and replays on the back end, the store and the clock of an in-memory server, without its HTTP."""

    def setUp(self) -> None:
        self.use(InMemoryServer())
        self.record = RequestRecord(began=self.server.clock.seconds())
        self.context = RequestContext(id="one", principal="me", traceparent="", record=self.record)

    def use(self, server: InMemoryServer) -> None:
        """Use the parts of this server."""
        self.server = server
        self.answers = AnswerDependencies(
            backend=server.backend,
            store=server.store,
            active=server.active,
            request_log=server.site.request_log,
            clock=server.clock,
            now=server.clock.seconds,
            flow_limits=FlowLimits(max_buffer_bytes=10_000, pause_seconds=1.0, write_timeout_seconds=30.0),
            unsent=ByteBudget(2**20),
            keepalive_seconds=15.0,
        )

    def decode(self, dialect: Dialect, body: dict[str, Any]) -> DecodedRequest:
        return dialect.decode(json.encode(body), RequestOptions(principal="me")).complete(LoadedHistory())

    def start(self, dialect: Dialect, room: int | None = None, **fields: object) -> FakeTurn:
        """Start a streamed answer over a list writer and return its turn."""
        shape = {"model": "gpt-5", "input": "hi"} if dialect is RESPONSES else chat()
        self.writer = ListWriter(dialect=dialect, room=room)
        decoded = self.decode(dialect, shape | {"stream": True} | fields)
        self.answer = Answer(self.answers, self.context, decoded, self.writer)
        self.answer.start()
        return self.server.backend.turns[-1]

    def event_names(self) -> list[bytes]:
        return [name for name, _ in self.writer.events]

    def data(self) -> list[Any]:
        return [json.decode(data) for _, data in self.writer.events]

    def assert_nothing_running(self) -> None:
        for gauge in ("requests", "background"):
            self.assertEqual(self.server.metric(f"codexd_{gauge}_running"), 0)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])


class InterfaceTests(SynchronousTestCase):
    def test_every_writer_provides_the_interface_of_its_responses(self) -> None:
        request = Request(InMemoryServer().connect()._protocol)
        self.assertTrue(verifyObject(IStreamWriter, ListWriter(dialect=ANTHROPIC)))
        self.assertTrue(verifyObject(IBodyWriter, ListWriter(dialect=ANTHROPIC)))
        self.assertTrue(verifyObject(IStreamWriter, SseWriter(request)))
        self.assertTrue(verifyObject(IBodyWriter, JsonWriter(request)))


class StreamTests(TransportTestCase):
    def test_a_chat_answer_is_a_list_of_chunks(self) -> None:
        self.server.backend.ignored = ("seed",)
        self.start(CHAT).emit(*text_answer("Hel", "lo"))
        deltas = [chunk["choices"][0]["delta"].get("content") for chunk in self.data()]
        self.assertEqual(deltas, ["", "Hel", "lo", None])
        self.assertEqual((self.writer.opened, self.writer.complete), (("seed",), True))
        self.assertEqual((self.record.outcome, self.answer.state), ("ok", "Over"))
        self.assert_nothing_running()

    def test_the_events_of_one_reactor_turn_are_one_call(self) -> None:
        turn = self.start(CHAT)
        turn.emit(*BEGINNING)
        turn.emit(*REST)
        self.assertEqual([len(call) for call in self.writer.calls], [2, 2])

    def test_a_responses_answer_ends_after_it_was_stored(self) -> None:
        self.server.store.delay_calls()
        self.start(RESPONSES).emit(*text_answer())
        self.assertEqual(self.event_names()[-1], b"response.output_item.done")
        self.server.store.run_delayed_calls()
        self.assertEqual(self.event_names()[-1], b"response.completed")
        self.assertTrue(self.writer.complete)
        stored = self.successResultOf(self.server.store.load_response("me", self.answer.id))
        self.assertEqual(stored.state, "over")
        self.assert_nothing_running()

    def test_a_third_dialect_has_its_own_events(self) -> None:
        self.start(ANTHROPIC).emit(*text_answer("Hel", "lo"))
        expected = [b"message_start", b"content_block_delta", b"content_block_delta", b"message_stop"]
        self.assertEqual(self.event_names(), expected)
        self.assertTrue(self.writer.complete)
        self.assert_nothing_running()

    def test_silence_is_covered_by_the_keepalive_of_the_dialect(self) -> None:
        self.start(ANTHROPIC)
        self.server.clock.pump([15.0] * 2)
        self.assertEqual(self.event_names(), [b"message_start", b"ping", b"ping"])

    def test_silence_before_a_chat_answer_opens_its_stream(self) -> None:
        self.start(CHAT)
        self.server.clock.advance(15)
        self.assertEqual((self.writer.opened, len(self.writer.events)), ((), 1))
        self.assertEqual((self.writer.keepalives, self.writer.ends), (1, 0))

    def test_a_body_is_sent_at_once(self) -> None:
        for dialect in (CHAT, ANTHROPIC):
            turn = self.start(dialect, stream=False)
            turn.emit(*BEGINNING)
            self.assertIsNone(self.writer.body)
            turn.emit(*REST)
            self.assertIn(b"Hello", self.writer.body or b"")
            self.assertEqual((self.writer.opened, self.writer.ends), (None, 1))
            self.assert_nothing_running()


class FailureTests(TransportTestCase):
    def test_a_failure_before_the_first_event_is_an_error_in_the_envelope_of_the_dialect(self) -> None:
        for stream in (True, False):
            self.start(ANTHROPIC, stream=stream).emit(e.Failed(fault("rate_limited")))
            error = {"type": "rate_limit_error", "message": fault("rate_limited").message}
            self.assertEqual(json.decode(self.writer.error or b""), {"type": "error", "error": error})
            self.assertEqual((self.writer.opened, self.writer.ends), (None, 1))
            self.assertEqual(self.record.outcome, "rate_limited")
            self.assert_nothing_running()

    def test_a_back_end_that_refuses_is_an_error_in_the_envelope_of_the_dialect(self) -> None:
        for dialect in (CHAT, RESPONSES, ANTHROPIC):
            self.server.backend.begin_errors = [None, fault("busy")]
            self.start(dialect)
            self.answer.client_disconnected()
            self.start(dialect)
            self.assertEqual(self.writer.error, dialect.render_error(fault("busy")))
            self.assert_nothing_running()

    def test_a_failure_in_the_middle_is_the_last_event_in_the_envelope_of_the_dialect(self) -> None:
        turn = self.start(ANTHROPIC)
        turn.emit(*BEGINNING)
        turn.emit(e.Failed(MODEL_FAILED))
        self.assertEqual(self.event_names(), [b"message_start", b"content_block_delta", b"error"])
        error = {"type": "api_error", "message": MODEL_FAILED.message}
        self.assertEqual(self.data()[-1], {"type": "error", "error": error})
        self.assertEqual((self.writer.complete, self.writer.error), (False, None))
        self.assert_nothing_running()

    def test_a_failure_in_the_middle_of_a_stored_answer_is_a_failed_response(self) -> None:
        turn = self.start(RESPONSES)
        turn.emit(*BEGINNING)
        turn.emit(e.Failed(MODEL_FAILED))
        self.assertEqual((self.event_names()[-1], self.writer.complete), (b"response.failed", False))
        self.assert_nothing_running()

    def test_an_event_that_cannot_be_written_breaks_the_connection_off(self) -> None:
        turn = self.start(ANTHROPIC)
        turn.emit(*BEGINNING)
        self.patch(ListWriter, "write", lambda writer, events: 1 / 0)
        turn.emit(e.TextDelta(0, "lo"))
        self.assertEqual((self.writer.aborted, turn.actions), (True, ["cancel"]))
        self.assertEqual(self.record.outcome, "internal")
        self.assert_nothing_running()


class ClientTests(TransportTestCase):
    def test_the_model_of_a_client_that_leaves_is_cancelled(self) -> None:
        for dialect in (CHAT, RESPONSES, ANTHROPIC):
            self.record.outcome = "ok"
            turn = self.start(dialect)
            turn.emit(*BEGINNING)
            before = self.writer.events
            self.answer.client_disconnected()
            turn.emit(*REST)
            self.assertEqual(turn.actions, ["cancel"])
            self.assertEqual((self.writer.events, self.writer.ends), (before, 0))
            self.assertEqual(self.record.outcome, "client_disconnected")
            self.assert_nothing_running()

    def test_a_slow_client_pauses_the_model_through_the_producer(self) -> None:
        turn = self.start(CHAT)
        turn.emit(*BEGINNING)
        producer = self.writer.producer
        assert producer is not None
        self.writer.room = 0
        producer.pauseProducing()
        before = len(self.writer.calls)
        turn.emit(*(e.TextDelta(0, DELTA) for _ in range(20)))
        self.assertEqual((len(self.writer.calls), turn.actions), (before, ["pause"]))
        self.writer.room = None
        producer.resumeProducing()
        self.assertEqual(turn.actions, ["pause", "resume"])
        turn.emit(*REST)
        text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in self.data())
        self.assertEqual(text, "Hel" + 20 * DELTA + "lo")
        self.assertTrue(self.writer.complete)
        self.assert_nothing_running()

    def test_an_answer_whose_transport_is_full_from_the_start_waits_for_room(self) -> None:
        turn = self.start(ANTHROPIC, room=0)
        turn.emit(*text_answer())
        self.assertEqual((self.writer.opened, self.writer.calls), ((), []))
        producer = self.writer.producer
        assert producer is not None
        self.writer.room = None
        producer.resumeProducing()
        self.assertEqual((self.event_names()[-1], self.writer.complete), (b"message_stop", True))
        self.assert_nothing_running()

    def test_a_client_that_does_not_read_is_disconnected(self) -> None:
        turn = self.start(CHAT, room=1)
        turn.emit(*BEGINNING)
        turn.emit(e.TextDelta(0, DELTA))
        self.server.clock.advance(31)
        self.assertEqual((self.writer.aborted, turn.actions), (True, ["cancel"]))
        self.assertEqual(self.record.outcome, "slow_client")
        self.assert_nothing_running()


class ReplayTests(TransportTestCase):
    """A background answer and its replays, all over list writers."""

    def setUp(self) -> None:
        super().setUp()
        body = {"model": "gpt-5", "input": "hi", "background": True, "stream": True}
        self.background = Answer(self.answers, self.context, self.decode(RESPONSES, body), None)
        self.background.start()
        (self.turn,) = self.server.backend.turns

    def replay(self, position: int = 0, room: int | None = None) -> Replay:
        self.writer = ListWriter(dialect=RESPONSES, room=room)
        record = RequestRecord(began=self.server.clock.seconds())
        context = RequestContext(id="two", principal="me", traceparent="", record=record)
        replay = Replay(self.answers, context, self.writer, self.background.recording, position)
        replay.start()
        return replay

    def test_every_replay_gets_the_same_events_from_its_position(self) -> None:
        self.replay()
        early = self.writer
        self.assertEqual(self.event_names(), [b"response.created", b"response.queued"])
        self.turn.emit(*BEGINNING)
        self.replay(position=3)
        middle = self.writer
        self.turn.emit(*REST)
        self.replay()
        self.assertEqual(self.event_names()[-1], b"response.completed")
        self.assertEqual(early.events, self.writer.events)
        self.assertEqual(middle.events, early.events[3:])
        self.assertEqual((early.complete, middle.complete, self.writer.complete), (True, True, True))
        self.assert_nothing_running()

    def test_a_slow_replay_pauses_nothing_and_gets_everything(self) -> None:
        self.replay(room=1)
        self.turn.emit(*BEGINNING, *(e.TextDelta(0, DELTA) for _ in range(100)))
        self.assertEqual(self.turn.actions, [])
        self.turn.emit(*REST)
        self.assertIsNone(self.writer.complete)
        self.writer.room = None
        assert self.writer.producer is not None
        self.writer.producer.resumeProducing()
        self.assertEqual(self.writer.events, self.background.recording.read(0))
        self.assertTrue(self.writer.complete)
        self.assert_nothing_running()

    def test_a_replay_whose_client_leaves_does_not_affect_the_answer(self) -> None:
        replay = self.replay()
        replay.client_disconnected()
        before = self.writer.events
        self.turn.emit(*text_answer())
        self.assertEqual((self.writer.events, self.turn.actions), (before, []))
        self.assertEqual(self.background.snapshot().state, "over")
        self.assert_nothing_running()

    def test_silence_is_covered_by_the_keepalive_of_the_transport(self) -> None:
        self.replay()
        before = self.writer.events
        self.server.clock.advance(15)
        self.assertEqual((self.writer.keepalives, self.writer.events), (1, before))


class MessagesRoutes:
    """One route in the third dialect, as the route table would declare it."""

    app = Klein()

    def __init__(self, authenticator: Authenticator, create: CreateHandlers) -> None:
        self._authenticator = authenticator
        self._create = create

    @app.route(MESSAGES, methods=["POST"])
    def messages(self, request: Request) -> Any:
        request.dialect = ANTHROPIC
        self._authenticator.authenticate(request)
        return self._create.create(request)

    @app.handle_errors(FaultError)
    def failed(self, request: Request, failure: Any) -> bytes:
        return request.refuse(failure.value.fault)


class HttpTests(TransportTestCase):
    """The third dialect through the whole HTTP server: channel, request, authentication and writers."""

    def use(self, server: InMemoryServer) -> None:
        """Use this server, with the route of the third dialect instead of its own routes."""
        super().use(server)
        dependencies = Dependencies(
            answers=self.answers,
            embedder=server.backend,
            forwarder=server.backend,
            bodies=BodyReader(max_bytes=Http().max_body_bytes, max_ratio=Http().max_inflate_ratio),
            http=Http(),
            responses=Responses(),
            maintenance=MaintenanceSwitch(Maintenance(), None, Metrics()),
            output_modes=OutputModes(),
            keys=KeyAccess(
                meters=KeyMeters(server.clock.seconds, server.clock.seconds),
                models=ModelAccess(),
                list_models=lambda policy: server.backend.models(),
                metrics=server.metrics,
            ),
        )
        routes = MessagesRoutes(server.site.authenticator, CreateHandlers(dependencies))
        server.site.resource = routes.app.resource()

    def assert_refused(self, response: Response, status: int, type: str) -> None:
        self.assertEqual((response.status, response.headers["content-type"]), (status, "application/json"))
        self.assertEqual((response.json["type"], response.json["error"]["type"]), ("error", type))
        self.assertEqual(set(response.json["error"]), {"type", "message"})
        self.assertEqual(response.headers["x-should-retry"], "false")

    def test_an_invalid_request_is_refused_in_the_envelope_of_the_dialect(self) -> None:
        self.assert_refused(self.server.request("POST", MESSAGES, b"{"), 400, "invalid_request_error")

    def test_a_request_without_a_key_is_refused_in_the_envelope_of_the_dialect(self) -> None:
        self.use(InMemoryServer(Http(api_keys=("secret",))))
        self.assert_refused(self.server.request("POST", MESSAGES, chat()), 401, "authentication_error")
        self.assertEqual(self.server.backend.turns, [])

    def test_a_failure_before_the_first_event_is_refused_in_the_envelope_of_the_dialect(self) -> None:
        for stream in (True, False):
            connection = self.server.connect()
            connection.request("POST", MESSAGES, chat(stream=stream))
            self.server.backend.turns[-1].emit(e.Failed(MODEL_FAILED))
            self.assert_refused(connection.response, 502, "api_error")

    def test_an_internal_error_is_refused_in_the_envelope_of_the_dialect(self) -> None:
        self.patch(AnthropicRequest, "render", lambda request, replies, identity: 1 / 0)
        connection = self.server.connect()
        connection.request("POST", MESSAGES, chat())
        self.server.backend.turns[0].emit(*text_answer())
        self.assert_refused(connection.response, 500, "api_error")

    def test_a_stream_has_the_events_and_headers_of_the_dialect_and_no_done(self) -> None:
        connection = self.server.connect()
        connection.request("POST", MESSAGES, chat(stream=True))
        self.server.backend.turns[0].emit(*text_answer())
        response = connection.response
        self.assertEqual(response.headers["anthropic-version"], "2023-06-01")
        self.assertTrue(response.body.startswith(b"event: message_start\ndata: "))
        self.assertEqual(response.events[-1], {"type": "message_stop"})
        self.assertEqual(self.server.log.records[0].dialect, "anthropic")
