"""One app-server thread: turns in, the child's messages to neutral events. Sans I/O.

A thread lives through one or more answers: opened with the whole history, resumed with tool results while
its turn is suspended, extended with the rest of a longer history once idle. It gives events to say and
commands to carry out, mixed in order; whoever holds it sorts them.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from attrs import AttrsInstance, frozen

from codexd.backs import bindings as b
from codexd.backs import profile
from codexd.backs.items import content_items
from codexd.backs.profile import Profile
from codexd.backs.requests import UNKNOWN_METHOD
from codexd.backs.telling import TOLD, Telling
from codexd.neutral.event import Event
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.jsonrpc import Id, Notification, Request

Tag = Literal["thread", "inject", "turn", "interrupt", "close"]


@frozen
class Ask:
    """A call to make; its outcome comes back as Replied or Rejected with the same tag."""

    tag: Tag
    params: AttrsInstance


@frozen
class Answer:
    """A reply to a request of the child's."""

    request: Id
    result: Json


@frozen
class Decline:
    """An error reply to a request of the child's."""

    request: Id
    code: int
    message: str


@frozen
class Replied:
    """A call of ours went well."""

    tag: Tag
    result: Json


@frozen
class Rejected:
    """A call of ours failed; `timed_out` when the child never answered it."""

    tag: Tag
    message: str
    timed_out: bool = False


Command = Ask | Answer | Decline
Output = Event | Command
Input = Notification | Request | Replied | Rejected
State = Literal["new", "opening", "running", "suspended", "idle", "aborting", "closed"]


class Thread:
    """The translator for one thread.

    Attributes:
        state: where its life stands; `suspended` waits for tool results, `idle` may be extended.
        id: the child's thread id, once known.
        fill: share of the model's context window in use (0..1), as last reported.
        compacted: the child has replaced its history by a summary: it must not be continued.
        sources: AGENTS.md files the child showed the model by itself.
        unexpected: how many messages had a shape this codexd does not know.
    """

    def __init__(self, setup: Profile) -> None:
        self.state: State = "new"
        self.id: str | None = None
        self.fill = 0.0
        self.compacted = False
        self.sources: tuple[str, ...] = ()
        self.unexpected = 0
        self._profile = setup
        self._turn_id: str | None = None
        self._turn = Turn("", ())
        self._telling = Telling(self._turn)
        self._settled = self._telling.batch

    # What is asked of it.

    def open(self, turn: Turn) -> list[Output]:
        """Start the thread for this turn, with its whole history.

        Raises:
            Refused: when the model cannot be shown the history.
        """
        profile.inject("", turn.items)
        self._answer(turn)
        self.state = "opening"
        return [Ask("thread", profile.thread_start(turn, self._profile))]

    def extend(self, turn: Turn, rest: tuple[Item, ...]) -> list[Output]:
        """Answer a longer history on this idle thread; `rest` is what it has not seen.

        Raises:
            Refused: when the model cannot be shown the rest.
        """
        asks = self._asks(turn, rest)
        self._answer(turn)
        self._turn_id = None
        return asks

    def resume(self, turn: Turn, results: tuple[ToolResult, ...]) -> list[Output]:
        """Go on with the suspended turn, given its tools' results."""
        batch = self._telling.batch
        outputs: list[Output] = []
        for result in results:
            request = batch.answer(result)
            if request is not None:
                outputs.append(_answer(request, result))
        held = batch.next_held()
        self._turn = turn
        if held is not None:
            self._telling = Telling(turn, batch)
            return [*outputs, *self._telling.held(held)]
        # The child may ask for a result only after it has another: the batch stays until it is all given.
        self._answer(turn)
        self._settled = batch
        self.state = "running"
        return outputs

    def abort(self) -> list[Output]:
        """Stop the model and say nothing more. The thread cannot be used again."""
        self._telling.hush()
        if self.state in ("closed", "aborting"):
            return []
        if self.state in ("new", "idle"):
            return self.close()
        self.state = "aborting"
        declined = [Decline(id, UNKNOWN_METHOD, "cancelled") for id in self._telling.batch.asked]
        return [*declined, *self._interrupt()]

    def close(self) -> list[Output]:
        """Unload the thread: its memory in the child is free at once."""
        if self.state == "closed":
            return []
        self.state = "closed"
        return [] if self.id is None else [Ask("close", b.Unsubscribe(self.id))]

    def fail(self, why: Fault) -> list[Output]:
        """Break the answer off for a reason of our own; the thread is still to be aborted."""
        return [*self._telling.break_off(why)]

    def lose(self, why: Fault) -> list[Output]:
        """The child is gone: say so, once."""
        self.state = "closed"
        return [*self._telling.break_off(why)]

    def settle(self) -> list[Output]:
        """Nothing came for a while: if the model's response was whole, say so.

        `turn/completed` and `rawResponse/completed` can be lost; no answer waits for them for ever.
        """
        if self.state != "running":
            return []
        if self._telling.batch.asked:
            return self._suspend()
        if not self._telling.whole:
            return []
        self.state = "aborting"
        return [*self._telling.finish(), *self._interrupt()]

    def receive(self, message: Input) -> list[Output]:
        """Take what the child sent, or what became of a call."""
        if type(message) is Notification:
            return self._told(message)
        if isinstance(message, Request):
            return self._asked(message)
        if isinstance(message, Replied):
            return self._replied(message)
        assert isinstance(message, Rejected)
        return self._rejected(message)

    @property
    def waiting(self) -> frozenset[str]:
        """The call ids whose results a suspended turn needs."""
        return self._telling.batch.waiting if self.state == "suspended" else frozenset()

    # What the child says.

    def _told(self, message: Notification) -> list[Output]:
        kind = b.EVENTS.get(message.method)
        if kind is None:
            return []
        try:
            event: Any = b.structure(message.params, kind)
        except b.Unexpected:
            self.unexpected += 1
            return []
        if kind not in TOLD:
            return _HEARS[kind](self, event)
        if event.turnId != self._turn_id:
            return []
        said: list[Output] = self._telling.tell(event)  # type: ignore[assignment]
        if kind is b.RawResponseCompleted and self.state == "running" and self._telling.batch.shown:
            return [*said, *self._suspend()]
        return said

    def _usage_updated(self, event: b.UsageUpdated) -> list[Output]:
        window = event.tokenUsage.modelContextWindow
        if window:
            self.fill = event.tokenUsage.last.totalTokens / window
        return []

    def _error(self, event: b.ErrorTold) -> list[Output]:
        if event.willRetry or event.turnId != self._turn_id:
            return []
        return [*self._telling.fail(event.error)]

    def _turn_started(self, event: b.TurnStarted) -> list[Output]:
        return self._started(event.turn.id)

    def _turn_completed(self, event: b.TurnCompleted) -> list[Output]:
        turn = event.turn
        if turn.id != self._turn_id or self.state not in ("running", "suspended"):
            return []
        self.compacted = self.compacted or self._telling.compacted
        if turn.status == "completed" and self.state == "running":
            self.state = "idle"
            return [*self._telling.finish()]
        return [*self._telling.fail(turn.error), *self.close()]

    def _closed(self, event: b.ThreadClosed) -> list[Output]:
        return [] if self.state == "closed" else self.lose(fault("child_died"))

    def _asked(self, request: Request) -> list[Output]:
        try:
            call = b.structure(request.params, b.DynamicToolCall)
        except b.Unexpected:
            self.unexpected += 1
            return [Decline(request.id, UNKNOWN_METHOD, "not understood")]
        if self._settled.knows(call.callId):
            result = self._settled.ask(call.callId, request.id)
            return [] if result is None else [_answer(request.id, result)]
        telling, said = self._telling, []
        if not telling.batch.knows(call.callId):
            arguments = json.encode(call.arguments).decode()
            said = telling.call(call.callId, call.tool, call.namespace, arguments)
        if not telling.batch.knows(call.callId):
            return [Decline(request.id, UNKNOWN_METHOD, "no such tool call")]
        result = telling.batch.ask(call.callId, request.id)
        return [*said] if result is None else [*said, _answer(request.id, result)]

    # What became of our own calls.

    def _replied(self, message: Replied) -> list[Output]:
        try:
            return self._went_well(message)
        except b.Unexpected:
            self.unexpected += 1
            return [*self._telling.break_off(fault("model_failed")), *self.close()]

    def _went_well(self, message: Replied) -> list[Output]:
        if message.tag == "thread":
            started = b.structure(message.result, b.ThreadStarted)
            self.id, self.sources = started.thread.id, tuple(started.instructionSources)
            return self._asks(self._turn, self._turn.items) if self.state == "opening" else self.close()
        if message.tag == "turn":
            return self._started(b.structure(message.result, b.TurnAccepted).turn.id)
        return self.close() if message.tag == "interrupt" else []

    def _rejected(self, message: Rejected) -> list[Output]:
        if message.tag == "close":
            return []
        why = fault("model_failed") if message.timed_out else fault("invalid_prompt", message.message)
        return [*self._telling.break_off(why), *self.close()]

    # How an answer runs.

    def _answer(self, turn: Turn) -> None:
        self._turn = turn
        self._telling = Telling(turn)
        self._settled = self._telling.batch

    def _asks(self, turn: Turn, items: tuple[Item, ...]) -> list[Output]:
        assert self.id is not None
        inject = profile.inject(self.id, (*items, *profile.obligations(turn)))
        self.state = "running"
        start = Ask("turn", profile.turn_start(self.id, turn))
        return [Ask("inject", inject), start] if inject.items else [start]

    def _started(self, turn_id: str) -> list[Output]:
        if self._turn_id is not None:
            return []
        self._turn_id = turn_id
        return self._interrupt() if self.state == "aborting" else []

    def _interrupt(self) -> list[Output]:
        if self.id is None or self._turn_id is None:
            return []
        return [Ask("interrupt", b.TurnInterrupt(self.id, self._turn_id))]

    def _suspend(self) -> list[Output]:
        self.state = "suspended"
        return [*self._telling.suspend()]


def _answer(request: Id, result: ToolResult) -> Answer:
    return Answer(request, {"contentItems": content_items(result), "success": result.success})


_HEARS: Final[dict[type, Callable[[Thread, Any], list[Output]]]] = {
    b.UsageUpdated: Thread._usage_updated,
    b.ErrorTold: Thread._error,
    b.TurnStarted: Thread._turn_started,
    b.TurnCompleted: Thread._turn_completed,
    b.ThreadClosed: Thread._closed,
}
