"""Runs a `Thread` on any sequence of child messages and client actions and checks its outputs."""

from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from codexd.backs import bindings as b
from codexd.backs.commands import CallFailed, CallSucceeded, Command, Output, SendError, SendResult
from codexd.backs.thread import Thread
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.turn import ToolResult, Turn
from codexd.wire.json import Json
from codexd.wire.jsonrpc import RpcNotification, RpcRequest
from tests.support.thread_harness import HELLO, PLAIN, THREAD, is_command, result

CURRENT = "the current turn"
"""A placeholder for the current turn's id in the params of a step."""


@frozen
class SendNotification:
    """The child sends a notification."""

    method: str
    params: dict[str, Json]


@frozen
class SendRequest:
    """The child sends a request; the driver chooses its id."""

    method: str
    params: dict[str, Json]


@frozen
class SettleCall:
    """The child answers the nth pending call.

    Attributes:
        outcome: `accepted`, `malformed`, `rejected` or `timed out`.
    """

    nth: int
    outcome: str


@frozen
class Action:
    """The client or the clock acts on the thread; the name is a key of `_ACTIONS`."""

    name: str


Step = SendNotification | SendRequest | SettleCall | Action


@define(kw_only=True)
class ThreadDriver:
    """Runs steps on a thread and checks what it returns.

    Attributes:
        lost: the child is gone; its requests need no answer.
        silent: the client is gone; no event may follow.
    """

    turn: Turn
    thread: Thread = field(factory=lambda: Thread(PLAIN))
    checker: GrammarChecker = field(factory=GrammarChecker)
    lost: bool = False
    silent: bool = False
    _turns: int = 0
    _named_turns: set[Json] = field(factory=set)
    _calls: list[str] = field(factory=list)
    _request_answers: dict[int, int] = field(factory=dict)
    _unloaded: bool = False
    _texts: dict[int, str] = field(factory=dict)
    _open: dict[str, int] = field(factory=dict)

    def start(self) -> None:
        """Open the thread."""
        self._check_outputs(self.thread.open(self.turn))

    def run(self, step: Step) -> None:
        """Run one step."""
        match step:
            case SendNotification(method, params):
                self._notify(RpcNotification(method, self._here(params)))
            case SendRequest(method, params):
                self._request_answers[len(self._request_answers)] = 0
                self._check_outputs(
                    self.thread.receive(RpcRequest(len(self._request_answers) - 1, method, self._here(params)))
                )
            case SettleCall(nth, outcome):
                if self._calls:
                    self._settle(self._calls.pop(nth % len(self._calls)), outcome)
            case Action(name):
                _ACTIONS[name](self)

    def finish(self) -> None:
        """Abort the thread, answer all calls, and check that it is closed with no request unanswered."""
        self.run(Action("abort"))
        while self._calls:
            self._settle(self._calls.pop(0), "accepted")
        _require(self.thread.state == "closed", f"the thread is closed, not {self.thread.state}")
        if not self.lost:
            _require(all(count == 1 for count in self._request_answers.values()), "every request is answered once")
            _require(self._unloaded or self.thread.id is None, "the thread is unloaded")

    # The child.

    def _here(self, params: dict[str, Json]) -> dict[str, Json]:
        current = f"turn_{self._turns}"
        here = {name: current if value == CURRENT else value for name, value in params.items()}
        turn = here.get("turn")
        if isinstance(turn, dict) and turn.get("id") == CURRENT:
            here["turn"] = {**turn, "id": current}
        return here

    def _notify(self, message: RpcNotification) -> None:
        turn = message.params.get("turn")
        if message.method == "turn/started" and isinstance(turn, dict):
            self._named_turns.add(str(turn.get("id")))
        listening = not self.silent and self.checker.state != "over"
        current = listening and message.params.get("turnId") == self.thread._turn_id
        outputs = self.thread.receive(message)
        said = "".join(output.text for output in outputs if isinstance(output, e.TextDelta))
        if message.method == "item/agentMessage/delta" and said:
            _require(said == message.params["delta"], "a delta's text is unchanged")
        self._check_outputs(outputs)
        if message.method == "thread/closed" and self.thread.state == "closed" and self.thread.id is not None:
            self._unloaded = True
        if message.method == "item/completed" and current:
            self._check_full_text(message.params.get("item"), said)

    def _check_full_text(self, item: Json, said: str) -> None:
        """Check a message against the full text of `item/completed`, the first time that it arrives."""
        id, whole = (item.get("id"), item.get("text")) if isinstance(item, dict) else (None, None)
        if not isinstance(id, str) or not isinstance(whole, str) or id not in self._open:
            return
        index = self._open.pop(id)
        text = self._texts.get(index, "")
        before = text.removesuffix(said)
        _require(text == (whole if whole.startswith(before) else before), "a message equals its full text")

    def _settle(self, tag: str, outcome: str) -> None:
        if outcome == "accepted":
            turn_id = f"turn_{self._turns}"
            self._named_turns.add(turn_id)
            good = {"thread": {"thread": {"id": THREAD}}, "turn": {"turn": {"id": turn_id}}}
            self._check_outputs(self.thread.receive(CallSucceeded(tag, good.get(tag, {}))))  # type: ignore[arg-type]
        elif outcome == "malformed":
            self._check_outputs(self.thread.receive(CallSucceeded(tag, {"thread": [], "turn": 7})))  # type: ignore[arg-type]
        else:
            self._check_outputs(self.thread.receive(CallFailed(tag, "no", outcome == "timed out")))  # type: ignore[arg-type]

    # The client and the clock.

    def _abort(self) -> None:
        self.silent = True
        self._check_outputs(self.thread.abort())

    def _lose(self) -> None:
        running = self.checker.state != "over" and not self.silent
        self.lost = True
        self._calls.clear()
        self._check_outputs(self.thread.child_lost(fault("child_died")))
        _require(not running or self.checker.state == "over", "a lost answer has an end")

    def _resume(self) -> None:
        if self.thread.state == "suspended" and self.thread.pending_call_ids:
            results: tuple[ToolResult, ...] = tuple(
                result(id) for id in sorted(self.thread.pending_call_ids, reverse=True)
            )
            self._next_answer()
            self._check_outputs(self.thread.resume(self.turn, results))

    def _extend(self) -> None:
        if self.thread.state == "idle":
            self._next_answer()
            self._check_outputs(self.thread.extend(self.turn, (HELLO,)))

    def _fail(self) -> None:
        if self.thread.state not in ("idle", "suspended"):
            outputs = [*self.thread.fail(fault("idle_timeout")), *self.thread.abort()]
            self._check_outputs(outputs)
            self.silent = True

    def _next_answer(self) -> None:
        _require(self.checker.state == "over", "an answer ends before the next")
        self.checker = GrammarChecker()
        self._texts.clear()
        self._open.clear()

    # Checks.

    def _check_outputs(self, outputs: list[Output]) -> None:
        for output in outputs:
            if is_command(output):
                self._check_command(output)  # type: ignore[arg-type]
            else:
                self._check_event(output)  # type: ignore[arg-type]

    def _check_event(self, event: e.Event) -> None:
        _require(not self.silent, "no event once the client is gone")
        self.checker.feed(event)
        if isinstance(event, e.MessageOpened):
            self._open[event.id] = event.index
        if isinstance(event, e.TextDelta):
            _require(event.text != "", "no empty deltas")
            self._texts[event.index] = self._texts.get(event.index, "") + event.text

    def _check_command(self, command: Command) -> None:
        if isinstance(command, SendResult | SendError):
            self._request_answers[command.request] += 1  # type: ignore[index]
            _require(self._request_answers[command.request] == 1, "a request is answered once")  # type: ignore[index]
            return
        _require(not self._unloaded, "no call on an unloaded thread")
        _require(command.tag == "thread" or self.thread.id == THREAD, "a thread has an id first")
        if isinstance(command.params, b.TurnInterrupt):
            _require(
                command.params.turnId in self._named_turns,
                "only a turn that the child has named is interrupted",
            )
        self._unloaded = command.tag == "close"
        self._turns += command.tag == "turn"
        self._calls.append(command.tag)


def _require(holds: bool, law: str) -> None:
    assert holds, law


_ACTIONS: dict[str, Callable[[ThreadDriver], Any]] = {
    "abort": ThreadDriver._abort,
    "lose": ThreadDriver._lose,
    "resume": ThreadDriver._resume,
    "extend": ThreadDriver._extend,
    "fail": ThreadDriver._fail,
    "settle": lambda driver: driver._check_outputs(driver.thread.end_if_complete()),
}
