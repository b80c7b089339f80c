"""Messages of an app-server about one thread, and harnesses that feed them to a `Thread`."""

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import define, field

from codexd.backs import bindings as b
from codexd.backs.commands import CallFailed, CallMethod, CallSucceeded, CallTag, Command, Output, SendError, SendResult
from codexd.backs.profile import Profile
from codexd.backs.thread import Thread
from codexd.neutral.event import Event, Failed, Usage
from codexd.neutral.fault import Fault
from codexd.neutral.turn import FilePart, Message, TextPart, Tool, ToolResult, Turn
from codexd.wire import jsonrpc
from codexd.wire.json import Json
from codexd.wire.jsonl import LineSplitter
from codexd.wire.jsonrpc import RpcNotification, RpcRequest

RECORDINGS = Path(__file__).parent.parent / "backs" / "recordings"
"""Lines of the pinned binary over a scripted provider; replies hold only the members that are read."""

THREAD, TURN = "thr_1", "turn_1"
PLAIN = Profile(agent=False, cwd="/empty")
HELLO = Message(role="user", parts=(TextPart("hello"),))
WEATHER = Tool(
    name="weather",
    description="Tells the weather.",
    parameters='{"type":"object","properties":{"city":{"type":"string"}}}',
)
ASKED = Turn(model="m1", items=(HELLO,))
WITH_TOOL = Turn(model="m1", items=(HELLO,), tools=(WEATHER,))
INTERRUPT = CallMethod("interrupt", b.TurnInterrupt(THREAD, TURN))
CLOSE = CallMethod("close", b.Unsubscribe(THREAD))
USAGE = Usage(input_tokens=10, cached_tokens=3, output_tokens=5, reasoning_tokens=1)
"""The usage of `response_completed`."""
BINARY = (FilePart("data:application/pdf;base64,JVBERi0="),)
"""Parts that an app-server does not accept."""


def result(call_id: str, text: str = "fine") -> ToolResult:
    """Build a tool result with one text part."""
    return ToolResult(call_id, (TextPart(text),))


# Messages of the child.


def turn_notification(method: str, turn_id: str = TURN, **params: Json) -> RpcNotification:
    """Build a notification of a turn."""
    return RpcNotification(method, {"threadId": THREAD, "turnId": turn_id, **params})


def started(kind: str, id: str, **item: Json) -> RpcNotification:
    """`item/started`."""
    return turn_notification("item/started", item={"type": kind, "id": id, **item})


def delta(id: str, text: str) -> RpcNotification:
    """`item/agentMessage/delta`."""
    return turn_notification("item/agentMessage/delta", itemId=id, delta=text)


def message_completed(id: str, text: str, phase: str | None = None) -> RpcNotification:
    """`item/completed` of a message."""
    return turn_notification("item/completed", item={"type": "agentMessage", "id": id, "text": text, "phase": phase})


def search_completed(id: str, **action: Json) -> RpcNotification:
    """`item/completed` of a web search."""
    return turn_notification("item/completed", item={"type": "webSearch", "id": id, "query": "", "action": action})


def raw_message(id: str, text: str, *annotations: Json) -> RpcNotification:
    """`rawResponseItem/completed` of an assistant's message."""
    part = {"type": "output_text", "text": text, "annotations": list(annotations)}
    return raw("message", id=id, role="assistant", content=[part])


def summary_delta(id: str, part: int, text: str) -> RpcNotification:
    """`item/reasoning/summaryTextDelta`."""
    return turn_notification("item/reasoning/summaryTextDelta", itemId=id, summaryIndex=part, delta=text)


def reasoning_delta(id: str, part: int, text: str) -> RpcNotification:
    """`item/reasoning/textDelta`."""
    return turn_notification("item/reasoning/textDelta", itemId=id, contentIndex=part, delta=text)


def raw(kind: str, **item: Json) -> RpcNotification:
    """`rawResponseItem/completed`."""
    return turn_notification("rawResponseItem/completed", item={"type": kind, **item})


def raw_reasoning(id: str, *summary: str, content: Iterable[str] = (), sealed: str | None = None) -> RpcNotification:
    """`rawResponseItem/completed` of a reasoning item."""
    texts = [{"type": "summary_text", "text": text} for text in summary]
    thoughts = [{"type": "reasoning_text", "text": text} for text in content]
    return raw("reasoning", id=id, summary=texts, content=thoughts or None, encrypted_content=sealed)


def raw_call(call_id: str, arguments: str = "{}", name: str = "weather") -> RpcNotification:
    """`rawResponseItem/completed` of a function call."""
    return raw("function_call", id=f"fc_of_{call_id}", call_id=call_id, name=name, arguments=arguments)


def response_completed(output: int = 5) -> RpcNotification:
    """`rawResponse/completed`."""
    return turn_notification("rawResponse/completed", responseId="resp_1", usage=_usage(output))


def usage_updated(total: int, window: int | None) -> RpcNotification:
    """`thread/tokenUsage/updated`."""
    usage = {**_usage(0), "totalTokens": total}
    filled = {"total": usage, "last": usage, "modelContextWindow": window}
    return turn_notification("thread/tokenUsage/updated", tokenUsage=filled)


def turn_started(turn_id: str = TURN) -> RpcNotification:
    """`turn/started`."""
    return RpcNotification("turn/started", {"threadId": THREAD, "turn": {"id": turn_id}})


def turn_completed(status: str = "completed", error: Json = None, turn_id: str = TURN) -> RpcNotification:
    """`turn/completed`."""
    turn = {"id": turn_id, "status": status, "error": error}
    return RpcNotification("turn/completed", {"threadId": THREAD, "turn": turn})


def error(message: str, info: Json = "other", retries: bool = False) -> RpcNotification:
    """`error`."""
    return turn_notification("error", error={"message": message, "codexErrorInfo": info}, willRetry=retries)


def tool_call(request: int, call_id: str, arguments: Json = None, tool: str = "weather") -> RpcRequest:
    """`item/tool/call`, a request."""
    params = {"threadId": THREAD, "turnId": TURN, "callId": call_id, "tool": tool, "namespace": None}
    return RpcRequest(request, b.TOOL_CALL, {**params, "arguments": {} if arguments is None else arguments})


def _usage(output: int) -> Json:
    counted = {"inputTokens": 10, "cachedInputTokens": 3, "cacheWriteInputTokens": 0}
    return counted | {"outputTokens": output, "reasoningOutputTokens": 1, "totalTokens": 10 + output}


# Harnesses.


def is_command(output: Output) -> bool:
    """Return whether an output is a command for the child; the others are events for the client."""
    return isinstance(output, CallMethod | SendResult | SendError)


@define
class ThreadHarness:
    """A `Thread` and its outputs so far."""

    thread: Thread = field(factory=lambda: Thread(PLAIN))
    events: list[Event] = field(factory=list)
    commands: list[Command] = field(factory=list)

    @classmethod
    def running(cls, turn: Turn = ASKED) -> "ThreadHarness":
        """Build one whose turn is running; its commands so far are cleared."""
        harness = cls()
        harness.record(harness.thread.open(turn))
        harness.reply("thread", {"thread": {"id": THREAD}})
        harness.receive(turn_started())
        harness.reply("inject", {})
        harness.reply("turn", {"turn": {"id": TURN}})
        harness.commands.clear()
        return harness

    @classmethod
    def suspended(cls, *call_ids: str, turn: Turn = WITH_TOOL) -> "ThreadHarness":
        """Build one that is suspended, waiting for these calls; its outputs so far are cleared."""
        harness = cls.running(turn)
        harness.receive(*(raw_call(call_id) for call_id in call_ids), response_completed())
        harness.events.clear()
        return harness

    def record(self, outputs: list[Output]) -> None:
        """Sort outputs into events and commands."""
        for output in outputs:
            (self.commands if is_command(output) else self.events).append(output)  # type: ignore[arg-type]

    def receive(self, *messages: RpcNotification | RpcRequest) -> "ThreadHarness":
        """Feed messages of the child."""
        for message in messages:
            self.record(self.thread.receive(message))
        return self

    def reply(self, tag: str, result: Json) -> None:
        """Answer a call with a result."""
        self.record(self.thread.receive(CallSucceeded(tag, result)))  # type: ignore[arg-type]

    def reject(self, tag: str, message: str = "no", timed_out: bool = False) -> None:
        """Answer a call with an error."""
        self.record(self.thread.receive(CallFailed(tag, message, timed_out)))  # type: ignore[arg-type]

    @property
    def faults(self) -> list[Fault]:
        """The faults of the failed events."""
        return [event.fault for event in self.events if isinstance(event, Failed)]

    @property
    def call_tags(self) -> list[str]:
        """The tags of the calls so far, in order."""
        return [command.tag for command in self.commands if isinstance(command, CallMethod)]


@define
class ThreadPipe:
    """A `Thread` behind a child's pipe: bytes in, outputs out.

    Attributes:
        when_suspended: called when the thread is suspended; returns the outputs of its resumption.
    """

    thread: Thread
    when_suspended: Callable[[Thread], list[Output]]
    _lines: LineSplitter = field(factory=LineSplitter)
    _calls: list[CallTag] = field(factory=list)

    def send(self, outputs: list[Output]) -> list[Output]:
        """Number the calls among the outputs from 0, as in the recordings, and return the outputs."""
        self._calls += [output.tag for output in outputs if isinstance(output, CallMethod)]
        return outputs

    def receive(self, data: bytes) -> list[Output]:
        """Feed bytes that the child wrote and return the outputs."""
        outputs: list[Output] = []
        for line in self._lines.receive(data):
            outputs += self.send(self.thread.receive(self._read(line)))
            if self.thread.state == "suspended":
                outputs += self.send(self.when_suspended(self.thread))
        return outputs

    def _read(self, line: bytes) -> RpcNotification | RpcRequest | CallSucceeded | CallFailed:
        message = jsonrpc.decode(line)
        if isinstance(message, jsonrpc.RpcResponse):
            return CallSucceeded(self._calls[int(message.id)], message.result)
        if isinstance(message, jsonrpc.RpcErrorResponse):
            return CallFailed(self._calls[int(message.id)], message.message)
        return message
