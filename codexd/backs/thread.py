"""One app-server thread: turns in; commands to the child and neutral events out. Sans I/O.

A thread lives through one or more responses: it is opened with the whole history, resumed with tool results
while its turn is suspended, and extended with the new part of a longer history while it is idle. Its methods
return events and commands in one list, in order; the caller separates them.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from codexd.backs import bindings as b
from codexd.backs import failures, profile
from codexd.backs.call_batch import ToolCallBatch
from codexd.backs.commands import (
    CallFailed,
    CallMethod,
    CallSucceeded,
    CallTag,
    Command,
    Input,
    Output,
    SendError,
    SendResult,
)
from codexd.backs.fixed_replies import METHOD_NOT_FOUND
from codexd.backs.items import encode_result_content
from codexd.backs.profile import Profile
from codexd.backs.translator import NO_TURN, TURN_EVENTS, TurnTranslator
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.jsonrpc import RpcId, RpcNotification, RpcRequest

__all__ = [
    "CallFailed",
    "CallMethod",
    "CallSucceeded",
    "CallTag",
    "Command",
    "Input",
    "Output",
    "SendError",
    "SendResult",
    "Thread",
]

DEFAULT_WINDOW_TOKENS: Final = 120_000
"""The assumed context window until the child reports the model's own; below that of every model it offers."""

State = Literal["new", "opening", "running", "suspended", "idle", "aborting", "closed"]


class Thread:
    """Translates between turns and the child's messages for one thread.

    Attributes:
        state: `suspended` waits for tool results, `idle` can be extended.
        id: the child's thread id, once known.
        window_share: the share of the model's context window in use (0..1), as last reported.
        window: the size of that window in tokens, as last reported.
        instruction_sources: the AGENTS.md files that the child showed the model on its own.
        unreachable: the child retries the response, as it could open no connection to the model's provider.
        malformed_count: the number of messages in a shape that this codexd does not support.
    """

    def __init__(self, setup: Profile, window: int = DEFAULT_WINDOW_TOKENS) -> None:
        self.state: State = "new"
        self.id: str | None = None
        self.window_share = 0.0
        self.window = window
        self.instruction_sources: tuple[str, ...] = ()
        self.unreachable = False
        self.malformed_count = 0
        self._profile = setup
        self._turn_id: str | None = None
        self._turn = NO_TURN
        self._encoded_items: tuple[Json, ...] = ()
        self._translator = TurnTranslator(self._turn)
        # The calls the client has answered; the child may request their results later.
        self._answered_batch = ToolCallBatch()
        self._compacted = False
        self._error: b.TurnError | None = None

    @property
    def compacted(self) -> bool:
        """Whether the child has replaced its history by a summary: it must not be continued."""
        return self._compacted or self._translator.compacted

    @property
    def usage(self) -> Usage | None:
        """The tokens that were reported for the response so far."""
        return self._translator.usage

    # For the client's side.

    def open(self, turn: Turn) -> list[Output]:
        """Start the thread for this turn with its whole history.

        Raises:
            FaultError: when the child has no form for a part of the history.
        """
        self._encoded_items = profile.encode_history(turn, turn.items)
        self._start_response(turn)
        self.state = "opening"
        return [CallMethod("thread", profile.build_thread_start(turn, self._profile))]

    def extend(self, turn: Turn, rest: tuple[Item, ...]) -> list[Output]:
        """Respond to a longer history on this idle thread; `rest` is the part the thread has not seen.

        Raises:
            FaultError: when the child has no form for the rest.
        """
        encoded_items = profile.encode_history(turn, rest)
        self._start_response(turn)
        self._answered_batch = ToolCallBatch()
        self._turn_id = None
        return self._start_turn(encoded_items)

    def resume(self, turn: Turn, results: tuple[ToolResult, ...]) -> list[Output]:
        """Continue the suspended turn with the results of all calls that it waits for.

        Raises:
            FaultError: when the child has no form for one of them.
        """
        profile.encode_history(turn, results)
        batch = self._translator.batch
        outputs: list[Output] = [
            _encode_result(request, result) for result in results for request in batch.add_result(result)
        ]
        queued = batch.show_next()
        if queued is not None:
            self._start_response(turn, batch)
            return [*outputs, *self._translator.emit_queued_call(queued)]
        # The child may request a result only after another: the batch stays until the next turn.
        self._answered_batch = batch
        self._start_response(turn)
        self.state = "running"
        return outputs

    def abort(self) -> list[Output]:
        """Stop the model and emit no more events. The thread cannot be used again."""
        self._translator.stop()
        if self.state in ("closed", "aborting"):
            return []
        if self.state in ("new", "idle"):
            return self.close()
        self.state = "aborting"
        # The interrupt comes first: if the calls were declined first, the model would continue.
        return [*self._interrupt(), *self._decline_open_requests()]

    def close(self) -> list[Output]:
        """Unload the thread, which frees its memory in the child at once. Abort a running thread instead."""
        if self.state == "closed":
            return []
        self.state = "closed"
        declined = self._decline_open_requests()
        return declined if self.id is None else [*declined, CallMethod("close", b.Unsubscribe(self.id))]

    def fail(self, why: Fault) -> list[Output]:
        """Fail the response for a reason of codexd's own; the caller must still abort the thread."""
        return [*self._translator.fail(why)]

    def child_lost(self, why: Fault) -> list[Output]:
        """Fail the response because the child has ended; later calls have no effect."""
        self.state = "closed"
        return [*self._translator.fail(why)]

    def end_if_complete(self) -> list[Output]:
        """End the response if it is complete or has failed; called after a period of silence.

        `turn/completed` and `rawResponse/completed` can be lost; no response waits for them forever.
        """
        if self.state != "running":
            return []
        if self._error is not None:
            return [*self._translator.fail_turn(self._error), *self.abort()]
        if self._translator.batch.has_open_requests:
            return self._suspend()
        return [*self._translator.finish(), *self.abort()] if self._translator.response_complete else []

    def receive(self, message: Input) -> list[Output]:
        """Handle a message of the child, or the outcome of a call."""
        return _MESSAGE_HANDLERS[type(message)](self, message)

    @property
    def pending_call_ids(self) -> frozenset[str]:
        """The call ids whose results a suspended turn needs."""
        return self._translator.batch.pending_call_ids if self.state == "suspended" else frozenset()

    # Notifications and requests of the child.

    def _on_notification(self, message: RpcNotification) -> list[Output]:
        kind = b.NOTIFICATIONS.get(message.method)
        if kind is None:
            return []
        try:
            event: Any = b.structure(message.params, kind)
        except b.UnexpectedShapeError:
            self.malformed_count += 1
            return []
        if kind not in TURN_EVENTS:
            return _NOTIFICATION_HANDLERS[kind](self, event)
        if event.turnId != self._turn_id:
            return []
        events: list[Output] = self._translator.receive(event)  # type: ignore[assignment]
        return [*events, *self._on_response_completed(event)] if kind is b.RawResponseCompleted else events

    def _on_response_completed(self, event: b.RawResponseCompleted) -> list[Output]:
        if event.usage is not None:
            # The child reports the usage of a suspended turn only once the turn continues.
            self.window_share = event.usage.totalTokens / self.window
        return self._suspend() if self.state == "running" and self._translator.batch.shown else []

    def _on_usage_updated(self, event: b.UsageUpdated) -> list[Output]:
        window = event.tokenUsage.modelContextWindow
        if window:
            self.window = window
            self.window_share = event.tokenUsage.last.totalTokens / window
        return []

    def _on_error(self, event: b.ErrorNotification) -> list[Output]:
        if event.turnId == self._turn_id:
            self.unreachable = event.willRetry and failures.is_unreachable(event.error)
            if not event.willRetry:
                # `turn/completed` follows. The child never replies to an interrupt of a turn that has ended.
                self._error = event.error
        return []

    def _on_turn_completed(self, event: b.TurnCompleted) -> list[Output]:
        turn = event.turn
        if turn.id != self._turn_id or self.state not in ("running", "suspended", "aborting"):
            return []
        if turn.status != "completed" or self.state != "running":
            return [*self._translator.fail_turn(turn.error or self._error), *self.close()]
        events = self._translator.finish()
        if not self._translator.is_reusable:
            return [*events, *self.close()]
        self.state = "idle"
        self._forget_turn()
        return [*events]

    def _on_thread_closed(self, event: b.ThreadClosed) -> list[Output]:
        if self.state == "closed":
            return []
        return [*self.child_lost(fault("child_died")), *self._decline_open_requests()]

    def _on_request(self, request: RpcRequest) -> list[Output]:
        if request.method != b.TOOL_CALL:
            return [SendError(request.id, METHOD_NOT_FOUND, "not supported by codexd")]
        try:
            call = b.structure(request.params, b.DynamicToolCall)
            arguments = json.encode(call.arguments).decode()
        except (b.UnexpectedShapeError, json.JsonError):
            self.malformed_count += 1
            return [SendError(request.id, METHOD_NOT_FOUND, "invalid params")]
        if call.turnId != self._turn_id or self.state not in ("running", "suspended"):
            return [SendError(request.id, METHOD_NOT_FOUND, "no such turn")]
        return self._on_tool_call(request.id, call, arguments)

    def _on_tool_call(self, request: RpcId, call: b.DynamicToolCall, arguments: str) -> list[Output]:
        batches = (self._translator.batch, self._answered_batch)
        events: list[Output] = []
        if not any(batch.has_call(call.callId) for batch in batches):
            events = [*self._translator.add_call(call.callId, call.tool, call.namespace, arguments)]
        for batch in batches:
            if batch.has_call(call.callId):
                result = batch.request_result(call.callId, request)
                return events if result is None else [*events, _encode_result(request, result)]
        return [SendError(request, METHOD_NOT_FOUND, "no such tool call")]

    # Outcomes of codexd's calls.

    def _on_call_succeeded(self, message: CallSucceeded) -> list[Output]:
        try:
            return self._handle_result(message)
        except b.UnexpectedShapeError:
            self.malformed_count += 1
            events = self._translator.fail(fault("model_failed"))
            return [*events, *(self.close() if self._turn_id is None else self.abort())]

    def _handle_result(self, message: CallSucceeded) -> list[Output]:
        if message.tag == "thread":
            return self._on_thread_started(b.structure(message.result, b.ThreadStartResult))
        if message.tag == "turn":
            return self._on_turn_started(b.structure(message.result, b.TurnStartResult))
        return self.close() if message.tag == "interrupt" else []

    def _on_thread_started(self, started: b.ThreadStartResult) -> list[Output]:
        self.id, self.instruction_sources = started.thread.id, tuple(started.instructionSources)
        if self.state == "opening":
            encoded_items, self._encoded_items = self._encoded_items, ()
            return self._start_turn(encoded_items)
        # The response was aborted while the thread started.
        self.state = "closed"
        return [CallMethod("close", b.Unsubscribe(self.id))]

    def _on_call_failed(self, message: CallFailed) -> list[Output]:
        if message.tag == "close":
            return []
        why = fault("child_hung") if message.timed_out else failures.translate_rejection(message.message)
        events = self._translator.fail(why)
        # The turn was started together with the injection, and may run although its reply is late.
        may_run = message.tag == "inject" or (message.tag == "turn" and self._turn_id is not None)
        return [*events, *(self.abort() if may_run else self.close())]

    # The response.

    def _start_response(self, turn: Turn, batch: ToolCallBatch | None = None) -> None:
        self._compacted = self.compacted
        self._error = None
        self.unreachable = False
        self._turn = turn
        self._translator = TurnTranslator(turn, batch)

    def _start_turn(self, encoded_items: tuple[Json, ...]) -> list[Output]:
        assert self.id is not None
        self.state = "running"
        start = CallMethod("turn", profile.build_turn_start(self.id, self._turn))
        return [CallMethod("inject", b.InjectItems(self.id, encoded_items)), start] if encoded_items else [start]

    def _on_turn_started(self, message: b.TurnStartResult | b.TurnStarted) -> list[Output]:
        if self._turn_id is not None or self.state not in ("running", "aborting"):
            return []
        self._turn_id = message.turn.id
        return self._interrupt() if self.state == "aborting" else []

    def _interrupt(self) -> list[Output]:
        if self.id is None or self._turn_id is None:
            return []
        return [CallMethod("interrupt", b.TurnInterrupt(self.id, self._turn_id))]

    def _decline_open_requests(self) -> list[Output]:
        requests = [*self._translator.batch.withdraw_requests(), *self._answered_batch.withdraw_requests()]
        return [SendError(request, METHOD_NOT_FOUND, "cancelled") for request in requests]

    def _suspend(self) -> list[Output]:
        events: list[Output] = [*self._translator.suspend()]
        if not self._translator.results_expected:
            return [*events, *self.abort()]
        self.state = "suspended"
        self._forget_turn()
        return events

    def _forget_turn(self) -> None:
        """Release the history of a turn that has ended: the thread may be kept for long, and the child has it."""
        self._turn = NO_TURN
        self._translator.forget_turn()


def _encode_result(request: RpcId, result: ToolResult) -> SendResult:
    return SendResult(request, {"contentItems": encode_result_content(result), "success": result.success})


_NOTIFICATION_HANDLERS: Final[dict[type, Callable[[Thread, Any], list[Output]]]] = {
    b.UsageUpdated: Thread._on_usage_updated,
    b.ErrorNotification: Thread._on_error,
    b.TurnStarted: Thread._on_turn_started,
    b.TurnCompleted: Thread._on_turn_completed,
    b.ThreadClosed: Thread._on_thread_closed,
}

_MESSAGE_HANDLERS: Final[dict[type, Callable[[Thread, Any], list[Output]]]] = {
    RpcNotification: Thread._on_notification,
    RpcRequest: Thread._on_request,
    CallSucceeded: Thread._on_call_succeeded,
    CallFailed: Thread._on_call_failed,
}
