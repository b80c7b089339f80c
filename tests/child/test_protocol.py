"""The seam of the protocol: sessions, worker and back end over a protocol made up for this test."""

from collections.abc import Iterator
from typing import Any

from attrs import asdict, frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.child.backend import ChildBackend
from codexd.child.pool import Pool
from codexd.child.process import ChildProcess
from codexd.child.protocol import (
    CallFailed,
    CallMethod,
    CallSucceeded,
    ChildProtocol,
    Exchange,
    Input,
    Output,
    SendError,
    SendResult,
    ServerInfo,
    ThreadSetup,
    ThreadState,
    ThreadTranslator,
)
from codexd.child.worker import Worker
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Item, Message, TextPart, ToolResult, Turn
from codexd.observe.metrics import Metrics
from codexd.policy.account_limits import AccountLimits, AccountTokens
from codexd.policy.catalog import AccountModel
from codexd.policy.restart import Supervision
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings
from codexd.wire import jsonrpc
from codexd.wire.json import Json
from tests.support.contexts import context
from tests.support.recording_sink import RecordingSink, StartedTurn, continued, turn


@frozen
class List:
    """`list`: the models."""


@frozen
class Echo:
    """`echo`: repeat a text, in a room; without a room in a new one, which is the result."""

    text: str
    room: str | None = None


@frozen
class Poke:
    """`poke`: nothing, as a ping."""


@frozen
class Leave:
    """`leave`: close a room."""

    room: str


class EchoTranslator:
    """One room: `word` notifications are the text, `end` ends it."""

    window_tokens = None
    has_exact_history = True
    compacted = False
    unreachable = False
    usage = None
    pending_calls: frozenset[str] = frozenset()
    added_files: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.state: ThreadState = "new"
        self.thread_id: str | None = None
        self._began = False

    def share_with(self, tokens: int) -> float:
        return 0.0

    def open(self, turn: Turn) -> list[Output]:
        self.state, self._began = "running", False
        last = turn.items[-1]
        assert isinstance(last, Message)
        (part,) = last.parts
        assert isinstance(part, TextPart)
        return [CallMethod("turn", Echo(part.text, self.thread_id))]

    def extend(self, turn: Turn, rest: tuple[Item, ...]) -> list[Output]:
        return self.open(turn)

    def submit_results(self, turn: Turn, results: tuple[ToolResult, ...]) -> list[Output]:
        raise NotImplementedError

    def receive(self, message: Input) -> list[Output]:
        if isinstance(message, CallSucceeded) and message.tag == "turn":
            self.thread_id = message.result
        elif isinstance(message, CallFailed):
            return self.disconnect(fault("model_failed"))
        elif isinstance(message, jsonrpc.RpcNotification):
            return list(self._translate(message))
        return []

    def _translate(self, message: jsonrpc.RpcNotification) -> Iterator[Output]:
        if not self._began:
            self._began = True
            yield from (e.Began(), e.MessageOpened(0, "m"))
        if message.method == "word":
            yield e.TextDelta(0, message.params["text"])
        else:
            self.state = "idle"
            yield from (e.MessageClosed(0), e.UsageReported(e.Usage()), e.Ended("stop"))

    def complete_if_whole(self) -> list[Output]:
        return []

    def fail(self, why: Fault) -> list[Output]:
        return [e.Failed(why)]

    def abort(self) -> list[Output]:
        closed, self.state = self.state == "closed", "closed"
        return [] if closed or self.thread_id is None else [CallMethod("close", Leave(self.thread_id))]

    def disconnect(self, why: Fault) -> list[Output]:
        running, self.state = self.state == "running", "closed"
        return [e.Failed(why)] if running else []


class EchoProtocol:
    """Lists models, echoes texts, and refuses every request of the child with `never`."""

    known_notifications = ("word", "end")
    idle_notifications = ()

    def encode_call(self, params: Any) -> tuple[str, dict[str, Json]]:
        return type(params).__name__.lower(), asdict(params)

    def handshake(self) -> Exchange[ServerInfo]:
        return ServerInfo((yield from self.list_models()))

    def list_models(self) -> Exchange[tuple[AccountModel, ...]]:
        names = yield List()
        return tuple(AccountModel(id=name) for name in names)

    def read_account_kind(self) -> Exchange[str | None]:
        yield List()
        return None

    def read_limits(self) -> Exchange[AccountLimits]:
        yield List()
        return AccountLimits()

    def read_tokens(self) -> Exchange[AccountTokens]:
        yield List()
        return AccountTokens()

    def find_limits(self, message: jsonrpc.RpcNotification) -> AccountLimits | None:
        return AccountLimits(plan="echo") if message.method == "limits" else None

    def ping(self) -> Poke:
        return Poke()

    def translator(self, setup: ThreadSetup) -> ThreadTranslator:
        return EchoTranslator()

    def route(self, message: jsonrpc.RpcNotification | jsonrpc.RpcRequest) -> str | None:
        return message.params.get("room")

    def reply_to(self, request: jsonrpc.RpcRequest) -> SendResult | SendError:
        return SendResult(request.id, "never")

    def clean_up(self, message: jsonrpc.RpcNotification | jsonrpc.RpcResponse) -> tuple[Leave, ...]:
        return (Leave(message.params["room"]),) if isinstance(message, jsonrpc.RpcNotification) else ()


class EchoChild:
    """A process transport whose child speaks the protocol.

    Attributes:
        received: what was written to it.
    """

    pid = 1

    def __init__(self, child: ChildProcess, clock: Clock) -> None:
        self.received: list[jsonrpc.RpcMessage] = []
        self._child = child
        self._clock = clock
        child.makeConnection(self)

    def write(self, data: bytes) -> None:
        for line in data.splitlines():
            message = jsonrpc.decode(line)
            self.received.append(message)
            if isinstance(message, jsonrpc.RpcRequest):
                self._clock.callLater(0, self.send, *self._answer(message))

    def _answer(self, call: jsonrpc.RpcRequest) -> Iterator[bytes]:
        if call.method == "list":
            yield jsonrpc.encode_response(call.id, ["parrot"])
        elif call.method == "echo":
            room = call.params["room"] or f"room-{call.id}"
            yield jsonrpc.encode_response(call.id, room)
            if call.params["text"] != "silence":
                for text in call.params["text"].split(" "):
                    yield jsonrpc.encode_notification("word", {"room": room, "text": text})
                yield jsonrpc.encode_notification("end", {"room": room})

    def send(self, *lines: bytes) -> None:
        """Write lines to stdout."""
        self._child.outReceived(b"".join(lines))


class ProtocolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.protocol: ChildProtocol = EchoProtocol()
        worker = Worker(
            name="echo-0",
            spawn=self.spawn,
            protocol=self.protocol,
            clock=self.clock,
            supervision=Supervision(),
            random=lambda: 0.0,
            codex=CodexSettings(),
            metrics=self.metrics,
            on_change=lambda worker: self.backend.worker_changed(worker),
        )
        pools = {"plain": Pool((worker,))}
        self.backend = ChildBackend(Settings(), pools, "/empty", self.clock, self.metrics)
        pools["plain"].startService()
        self.clock.advance(0)

    def spawn(self, child: ChildProcess) -> None:
        self.child = EchoChild(child, self.clock)

    def begin(self, request: Turn) -> StartedTurn:
        sink = RecordingSink()
        started = StartedTurn(request, sink, self.backend.begin(request, context(), sink))
        self.clock.advance(0)
        return started

    def calls(self) -> list[str]:
        return [message.method for message in self.child.received if isinstance(message, jsonrpc.RpcRequest)]

    def test_the_handshake_reads_the_models(self) -> None:
        self.assertEqual([card.id for card in self.backend.models()], ["parrot"])

    def test_a_turn_is_answered_and_its_thread_continued(self) -> None:
        first = self.begin(turn("Polly", model="parrot"))
        second = self.begin(continued(first, "a cracker"))
        self.assertEqual([first.reply.text, second.reply.text], ["Polly", "acracker"])
        self.assertEqual((first.kind, second.kind), ("stop", "stop"))
        self.assertEqual(
            self.child.received[1:],
            [
                jsonrpc.RpcRequest(2, "echo", {"text": "Polly", "room": None}),
                jsonrpc.RpcRequest(3, "echo", {"text": "a cracker", "room": "room-2"}),
            ],
        )

    def test_a_turn_that_is_cancelled_is_closed(self) -> None:
        self.begin(turn("silence", model="parrot")).cancel()
        self.assertEqual(self.calls(), ["list", "echo", "leave"])

    def test_a_silent_turn_misses_its_deadline(self) -> None:
        started = self.begin(turn("silence", model="parrot"))
        self.clock.advance(301)
        self.backend.sweep()
        self.clock.advance(0)
        self.assertEqual((started.kind, self.calls()), ("no_first_event", ["list", "echo", "leave"]))

    def test_a_request_of_the_child_is_declined(self) -> None:
        self.child.send(jsonrpc.encode_request(9, "may_i", {}))
        self.assertEqual(self.child.received[-1], jsonrpc.RpcResponse(9, "never"))

    def test_a_message_of_no_thread_is_cleaned_up(self) -> None:
        self.child.send(jsonrpc.encode_notification("word", {"room": "unknown", "text": "hi"}))
        self.assertEqual(self.child.received[-1], jsonrpc.RpcRequest(2, "leave", {"room": "unknown"}))
