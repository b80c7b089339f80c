"""One app-server thread: turns in, the child's messages to neutral events. Sans I/O.

A thread lives through one or more answers: opened with the whole history, resumed with tool results while
its turn is suspended, extended with the rest of a longer history once idle. It gives events to say and
commands to carry out, mixed in order; whoever holds it sorts them.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from codexd.backs import bindings as b
from codexd.backs import failures, profile
from codexd.backs.batch import Batch
from codexd.backs.commands import Answer, Ask, Command, Decline, Input, Output, Rejected, Replied, Tag
from codexd.backs.items import content_items
from codexd.backs.profile import Profile
from codexd.backs.requests import UNKNOWN_METHOD
from codexd.backs.telling import TOLD, Telling
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.jsonrpc import Id, Notification, Request

__all__ = ["Answer", "Ask", "Command", "Decline", "Input", "Output", "Rejected", "Replied", "Tag", "Thread"]

UNKNOWN_WINDOW: Final = 120_000
"""The context window, in tokens, a model is taken to have until the child tells: below any that it offers."""

State = Literal["new", "opening", "running", "suspended", "idle", "aborting", "closed"]


class Thread:
    """The translator for one thread.

    Attributes:
        state: where its life stands; `suspended` waits for tool results, `idle` may be extended.
        id: the child's thread id, once known.
        fill: share of the model's context window in use (0..1), as last reported.
        window: tokens of that window, as last reported.
        sources: AGENTS.md files the child showed the model by itself.
        unexpected: how many messages had a shape this codexd does not know.
    """

    def __init__(self, setup: Profile, window: int = UNKNOWN_WINDOW) -> None:
        self.state: State = "new"
        self.id: str | None = None
        self.fill = 0.0
        self.window = window
        self.sources: tuple[str, ...] = ()
        self.unexpected = 0
        self._profile = setup
        self._turn_id: str | None = None
        self._turn = Turn("", ())
        self._raw: tuple[Json, ...] = ()
        self._telling = Telling(self._turn)
        self._settled = Batch()
        self._compacted = False
        self._error: b.TurnError | None = None

    @property
    def compacted(self) -> bool:
        """Whether the child has replaced its history by a summary: it must not be continued."""
        return self._compacted or self._telling.compacted

    # What is asked of it.

    def open(self, turn: Turn) -> list[Output]:
        """Start the thread for this turn, with its whole history.

        Raises:
            Refused: when the model cannot be shown the history.
        """
        self._raw = profile.shown(turn, turn.items)
        self._tell_of(turn)
        self.state = "opening"
        return [Ask("thread", profile.thread_start(turn, self._profile))]

    def extend(self, turn: Turn, rest: tuple[Item, ...]) -> list[Output]:
        """Answer a longer history on this idle thread; `rest` is what it has not seen.

        Raises:
            Refused: when the model cannot be shown the rest.
        """
        raw = profile.shown(turn, rest)
        self._tell_of(turn)
        self._settled = Batch()
        self._turn_id = None
        return self._asks(raw)

    def resume(self, turn: Turn, results: tuple[ToolResult, ...]) -> list[Output]:
        """Go on with the suspended turn, given the results of all the calls it waits for.

        Raises:
            Refused: when the model cannot be shown one of them.
        """
        profile.shown(turn, results)
        batch = self._telling.batch
        outputs: list[Output] = [
            _answer(request, result) for result in results for request in batch.answer(result)
        ]
        held = batch.next_held()
        if held is not None:
            self._tell_of(turn, batch)
            return [*outputs, *self._telling.held(held)]
        # The child may ask for a result only after it has another: the batch stays until it is all given.
        self._settled = batch
        self._tell_of(turn)
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
        # Stopped first: with its calls declined first, the model would be asked to go on.
        return [*self._interrupt(), *self._decline_all()]

    def close(self) -> list[Output]:
        """Unload the thread: its memory in the child is free at once. One that runs is to be aborted."""
        if self.state == "closed":
            return []
        self.state = "closed"
        declined = self._decline_all()
        return declined if self.id is None else [*declined, Ask("close", b.Unsubscribe(self.id))]

    def fail(self, why: Fault) -> list[Output]:
        """Break the answer off for a reason of our own; the thread is still to be aborted."""
        return [*self._telling.break_off(why)]

    def lose(self, why: Fault) -> list[Output]:
        """The child is gone: say so, once."""
        self.state = "closed"
        return [*self._telling.break_off(why)]

    def settle(self) -> list[Output]:
        """Nothing came for a while: if the model's response was whole, or had failed, say so.

        `turn/completed` and `rawResponse/completed` can be lost; no answer waits for them for ever.
        """
        if self.state != "running":
            return []
        if self._error is not None:
            return [*self._telling.fail(self._error), *self.abort()]
        if self._telling.batch.asked:
            return self._suspend()
        return [*self._telling.finish(), *self.abort()] if self._telling.whole else []

    def receive(self, message: Input) -> list[Output]:
        """Take what the child sent, or what became of a call."""
        return _TAKES[type(message)](self, message)

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
        return [*said, *self._responded(event)] if kind is b.RawResponseCompleted else said

    def _responded(self, event: b.RawResponseCompleted) -> list[Output]:
        if event.usage is not None:
            # A suspended turn's fill is told only once it goes on.
            self.fill = event.usage.totalTokens / self.window
        return self._suspend() if self.state == "running" and self._telling.batch.shown else []

    def _usage_updated(self, event: b.UsageUpdated) -> list[Output]:
        window = event.tokenUsage.modelContextWindow
        if window:
            self.window = window
            self.fill = event.tokenUsage.last.totalTokens / window
        return []

    def _failed(self, event: b.ErrorTold) -> list[Output]:
        if event.turnId == self._turn_id and not event.willRetry:
            # `turn/completed` follows; to interrupt a turn that is over is never answered.
            self._error = event.error
        return []

    def _turn_completed(self, event: b.TurnCompleted) -> list[Output]:
        turn = event.turn
        if turn.id != self._turn_id or self.state not in ("running", "suspended", "aborting"):
            return []
        if turn.status != "completed" or self.state != "running":
            return [*self._telling.fail(turn.error or self._error), *self.close()]
        said = self._telling.finish()
        if not self._telling.clean:
            return [*said, *self.close()]
        self.state = "idle"
        return [*said]

    def _closed(self, event: b.ThreadClosed) -> list[Output]:
        if self.state == "closed":
            return []
        return [*self.lose(fault("child_died")), *self._decline_all()]

    def _asked(self, request: Request) -> list[Output]:
        if request.method != b.TOOL_CALL:
            return [Decline(request.id, UNKNOWN_METHOD, "not supported by codexd")]
        try:
            call = b.structure(request.params, b.DynamicToolCall)
            arguments = json.encode(call.arguments).decode()
        except (b.Unexpected, json.Malformed):
            self.unexpected += 1
            return [Decline(request.id, UNKNOWN_METHOD, "not understood")]
        if call.turnId != self._turn_id or self.state not in ("running", "suspended"):
            return [Decline(request.id, UNKNOWN_METHOD, "no such turn")]
        return self._called(request.id, call, arguments)

    def _called(self, request: Id, call: b.DynamicToolCall, arguments: str) -> list[Output]:
        batches = (self._telling.batch, self._settled)
        said: list[Output] = []
        if not any(batch.knows(call.callId) for batch in batches):
            said = [*self._telling.call(call.callId, call.tool, call.namespace, arguments)]
        for batch in batches:
            if batch.knows(call.callId):
                result = batch.ask(call.callId, request)
                return said if result is None else [*said, _answer(request, result)]
        return [Decline(request, UNKNOWN_METHOD, "no such tool call")]

    # What became of our own calls.

    def _replied(self, message: Replied) -> list[Output]:
        try:
            return self._went_well(message)
        except b.Unexpected:
            self.unexpected += 1
            why = self._telling.break_off(fault("model_failed"))
            return [*why, *(self.close() if self._turn_id is None else self.abort())]

    def _went_well(self, message: Replied) -> list[Output]:
        if message.tag == "thread":
            return self._created(b.structure(message.result, b.ThreadStarted))
        if message.tag == "turn":
            return self._started(b.structure(message.result, b.TurnAccepted))
        return self.close() if message.tag == "interrupt" else []

    def _created(self, started: b.ThreadStarted) -> list[Output]:
        self.id, self.sources = started.thread.id, tuple(started.instructionSources)
        if self.state == "opening":
            raw, self._raw = self._raw, ()
            return self._asks(raw)
        # Nobody waits for it any more.
        self.state = "closed"
        return [Ask("close", b.Unsubscribe(self.id))]

    def _rejected(self, message: Rejected) -> list[Output]:
        if message.tag == "close":
            return []
        why = fault("model_failed") if message.timed_out else failures.rejection(message.message)
        said = self._telling.break_off(why)
        # The turn was asked for in one breath with the injection, and its reply may be all that is late.
        may_run = message.tag == "inject" or (message.tag == "turn" and self._turn_id is not None)
        return [*said, *(self.abort() if may_run else self.close())]

    # How an answer runs.

    def _tell_of(self, turn: Turn, batch: Batch | None = None) -> None:
        self._compacted = self.compacted
        self._error = None
        self._turn = turn
        self._telling = Telling(turn, batch)

    def _asks(self, raw: tuple[Json, ...]) -> list[Output]:
        assert self.id is not None
        self.state = "running"
        start = Ask("turn", profile.turn_start(self.id, self._turn))
        return [Ask("inject", b.InjectItems(self.id, raw)), start] if raw else [start]

    def _started(self, message: b.TurnAccepted | b.TurnStarted) -> list[Output]:
        if self._turn_id is not None or self.state not in ("running", "aborting"):
            return []
        self._turn_id = message.turn.id
        return self._interrupt() if self.state == "aborting" else []

    def _interrupt(self) -> list[Output]:
        if self.id is None or self._turn_id is None:
            return []
        return [Ask("interrupt", b.TurnInterrupt(self.id, self._turn_id))]

    def _decline_all(self) -> list[Output]:
        left = [*self._telling.batch.withdraw(), *self._settled.withdraw()]
        return [Decline(request, UNKNOWN_METHOD, "cancelled") for request in left]

    def _suspend(self) -> list[Output]:
        said: list[Output] = [*self._telling.suspend()]
        if not self._telling.answerable:
            return [*said, *self.abort()]
        self.state = "suspended"
        return said


def _answer(request: Id, result: ToolResult) -> Answer:
    return Answer(request, {"contentItems": content_items(result), "success": result.success})


_HEARS: Final[dict[type, Callable[[Thread, Any], list[Output]]]] = {
    b.UsageUpdated: Thread._usage_updated,
    b.ErrorTold: Thread._failed,
    b.TurnStarted: Thread._started,
    b.TurnCompleted: Thread._turn_completed,
    b.ThreadClosed: Thread._closed,
}

_TAKES: Final[dict[type, Callable[[Thread, Any], list[Output]]]] = {
    Notification: Thread._told,
    Request: Thread._asked,
    Replied: Thread._replied,
    Rejected: Thread._rejected,
}
