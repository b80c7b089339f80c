"""The app-server's side of one thread, written out: its messages, and a Thread that hears them."""

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import define, field

from codexd.backs import bindings as b
from codexd.backs.commands import Answer, Ask, Command, Decline, Output, Rejected, Replied, Tag
from codexd.backs.profile import Profile
from codexd.backs.thread import Thread
from codexd.neutral.event import Event, Failed
from codexd.neutral.fault import Fault
from codexd.neutral.turn import Message, TextPart, Tool, ToolResult, Turn
from codexd.wire import jsonrpc
from codexd.wire.json import Json
from codexd.wire.jsonl import LineSplitter
from codexd.wire.jsonrpc import Notification, Request

RECORDINGS = Path(__file__).parent.parent / "backs" / "recordings"
"""Lines of the pinned binary with a scripted provider behind it; replies trimmed to what is read of them."""

THREAD, TURN = "thr_1", "turn_1"
PLAIN = Profile(agent=False, cwd="/empty")
HELLO = Message("user", (TextPart("hello"),))
WEATHER = Tool("weather", "Tells the weather.", '{"type":"object","properties":{"city":{"type":"string"}}}')
ASKED = Turn("m1", (HELLO,))
WITH_TOOL = Turn("m1", (HELLO,), tools=(WEATHER,))


def result(call_id: str, text: str = "fine") -> ToolResult:
    """A tool's result of one text."""
    return ToolResult(call_id, (TextPart(text),))


# What the child says.


def told(method: str, turn_id: str = TURN, **params: Json) -> Notification:
    """Any notification of a turn."""
    return Notification(method, {"threadId": THREAD, "turnId": turn_id, **params})


def started(kind: str, id: str, **item: Json) -> Notification:
    """`item/started`."""
    return told("item/started", item={"type": kind, "id": id, **item})


def delta(id: str, text: str) -> Notification:
    """`item/agentMessage/delta`."""
    return told("item/agentMessage/delta", itemId=id, delta=text)


def message_done(id: str, text: str, phase: str | None = None) -> Notification:
    """`item/completed` of a message."""
    return told("item/completed", item={"type": "agentMessage", "id": id, "text": text, "phase": phase})


def searched(id: str, **action: Json) -> Notification:
    """`item/completed` of a web search."""
    return told("item/completed", item={"type": "webSearch", "id": id, "query": "", "action": action})


def raw_message(id: str, text: str, *annotations: Json) -> Notification:
    """`rawResponseItem/completed` of an assistant's message."""
    part = {"type": "output_text", "text": text, "annotations": list(annotations)}
    return raw("message", id=id, role="assistant", content=[part])


def summary_delta(id: str, part: int, text: str) -> Notification:
    """`item/reasoning/summaryTextDelta`."""
    return told("item/reasoning/summaryTextDelta", itemId=id, summaryIndex=part, delta=text)


def thought_delta(id: str, part: int, text: str) -> Notification:
    """`item/reasoning/textDelta`."""
    return told("item/reasoning/textDelta", itemId=id, contentIndex=part, delta=text)


def raw(kind: str, **item: Json) -> Notification:
    """`rawResponseItem/completed`."""
    return told("rawResponseItem/completed", item={"type": kind, **item})


def raw_thought(
    id: str, *summary: str, content: Iterable[str] = (), sealed: str | None = None
) -> Notification:
    """`rawResponseItem/completed` of a reasoning item."""
    texts = [{"type": "summary_text", "text": text} for text in summary]
    thoughts = [{"type": "reasoning_text", "text": text} for text in content]
    return raw("reasoning", id=id, summary=texts, content=thoughts or None, encrypted_content=sealed)


def raw_call(call_id: str, arguments: str = "{}", name: str = "weather") -> Notification:
    """`rawResponseItem/completed` of a function call."""
    return raw("function_call", id=f"fc_of_{call_id}", call_id=call_id, name=name, arguments=arguments)


def response_done(output: int = 5) -> Notification:
    """`rawResponse/completed`."""
    return told("rawResponse/completed", responseId="resp_1", usage=_usage(output))


def usage_updated(total: int, window: int | None) -> Notification:
    """`thread/tokenUsage/updated`."""
    usage = {**_usage(0), "totalTokens": total}
    filled = {"total": usage, "last": usage, "modelContextWindow": window}
    return told("thread/tokenUsage/updated", tokenUsage=filled)


def turn_started(turn_id: str = TURN) -> Notification:
    """`turn/started`."""
    return Notification("turn/started", {"threadId": THREAD, "turn": {"id": turn_id}})


def turn_done(status: str = "completed", error: Json = None, turn_id: str = TURN) -> Notification:
    """`turn/completed`."""
    turn = {"id": turn_id, "status": status, "error": error}
    return Notification("turn/completed", {"threadId": THREAD, "turn": turn})


def error(message: str, info: Json = "other", retries: bool = False) -> Notification:
    """`error`."""
    return told("error", error={"message": message, "codexErrorInfo": info}, willRetry=retries)


def tool_call(request: int, call_id: str, arguments: Json = None, tool: str = "weather") -> Request:
    """`item/tool/call`, a request."""
    params = {"threadId": THREAD, "turnId": TURN, "callId": call_id, "tool": tool, "namespace": None}
    return Request(request, b.TOOL_CALL, {**params, "arguments": {} if arguments is None else arguments})


def _usage(output: int) -> Json:
    counted = {"inputTokens": 10, "cachedInputTokens": 3, "cacheWriteInputTokens": 0}
    return counted | {"outputTokens": output, "reasoningOutputTokens": 1, "totalTokens": 10 + output}


# A thread that hears them.


def is_command(output: Output) -> bool:
    """Tell whether it is for the child; the rest is for the client."""
    return isinstance(output, Ask | Answer | Decline)


@define
class Scene:
    """A Thread under test, and everything it gave."""

    thread: Thread = field(factory=lambda: Thread(PLAIN))
    events: list[Event] = field(factory=list)
    commands: list[Command] = field(factory=list)

    @classmethod
    def running(cls, turn: Turn = ASKED) -> "Scene":
        """A thread whose turn the child has begun; what was asked for that is forgotten."""
        scene = cls()
        scene.take(scene.thread.open(turn))
        scene.reply("thread", {"thread": {"id": THREAD}})
        scene.hear(turn_started())
        scene.reply("inject", {})
        scene.reply("turn", {"turn": {"id": TURN}})
        scene.commands.clear()
        return scene

    @classmethod
    def suspended(cls, *call_ids: str, turn: Turn = WITH_TOOL) -> "Scene":
        """A thread that waits for its tools' results; what came before is forgotten."""
        scene = cls.running(turn)
        scene.hear(*(raw_call(call_id) for call_id in call_ids), response_done())
        scene.events.clear()
        return scene

    def take(self, outputs: list[Output]) -> None:
        """Sort what the thread gave."""
        for output in outputs:
            (self.commands if is_command(output) else self.events).append(output)  # type: ignore[arg-type]

    def hear(self, *messages: Notification | Request) -> "Scene":
        """The child says something."""
        for message in messages:
            self.take(self.thread.receive(message))
        return self

    def reply(self, tag: str, result: Json) -> None:
        """A call of ours went well."""
        self.take(self.thread.receive(Replied(tag, result)))  # type: ignore[arg-type]

    def reject(self, tag: str, message: str = "no", timed_out: bool = False) -> None:
        """A call of ours failed."""
        self.take(self.thread.receive(Rejected(tag, message, timed_out)))  # type: ignore[arg-type]

    @property
    def faults(self) -> list[Fault]:
        """What failed."""
        return [event.fault for event in self.events if isinstance(event, Failed)]

    @property
    def asked(self) -> list[str]:
        """The tags of our calls, in order."""
        return [command.tag for command in self.commands if isinstance(command, Ask)]


@define
class Pipe:
    """A Thread at the end of a child's pipe: bytes in, everything it gives out.

    Attributes:
        when_suspended: what is done then.
    """

    thread: Thread
    when_suspended: Callable[[Thread], list[Output]]
    _lines: LineSplitter = field(factory=LineSplitter)
    _calls: list[Tag] = field(factory=list)

    def send(self, outputs: list[Output]) -> list[Output]:
        """Make our calls; their ids count from 0, as in the recordings."""
        self._calls += [output.tag for output in outputs if isinstance(output, Ask)]
        return outputs

    def receive(self, data: bytes) -> list[Output]:
        """Take what the child wrote."""
        outputs: list[Output] = []
        for line in self._lines.receive(data):
            outputs += self.send(self.thread.receive(self._read(line)))
            if self.thread.state == "suspended":
                outputs += self.send(self.when_suspended(self.thread))
        return outputs

    def _read(self, line: bytes) -> Notification | Request | Replied | Rejected:
        message = jsonrpc.decode(line)
        if isinstance(message, jsonrpc.Reply):
            return Replied(self._calls[int(message.id)], message.result)
        if isinstance(message, jsonrpc.ErrorReply):
            return Rejected(self._calls[int(message.id)], message.message)
        return message
