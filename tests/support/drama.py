"""Law 2 on stage: a Thread, a child that sends what it likes, a client that acts when it likes.

A Drama carries moves out and holds everything the thread gives to the laws at once.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from codexd.backs import bindings as b
from codexd.backs.commands import Answer, Command, Decline, Output, Rejected, Replied
from codexd.backs.thread import Thread
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import Sentence
from codexd.neutral.turn import ToolResult, Turn
from codexd.wire.json import Json
from codexd.wire.jsonrpc import Notification, Request
from tests.support.scene import HELLO, PLAIN, THREAD, is_command, result

CURRENT = "the current turn"
"""Stands for the id of the turn under way in a move's params."""


@frozen
class Tell:
    """The child notifies."""

    method: str
    params: dict[str, Json]


@frozen
class Demand:
    """The child requests; the id is made up on stage."""

    method: str
    params: dict[str, Json]


@frozen
class Settle:
    """The child settles the nth of our calls that wait, well or badly."""

    nth: int
    outcome: str


@frozen
class Act:
    """The client, or the clock, does something to the thread."""

    name: str


Move = Tell | Demand | Settle | Act


@define
class Drama:
    """One thread's life, watched.

    Attributes:
        lost: the child is gone: what it asked for need not be answered.
    """

    turn: Turn
    thread: Thread = field(factory=lambda: Thread(PLAIN))
    sentence: Sentence = field(factory=Sentence)
    lost: bool = False
    hushed: bool = False
    _turns: int = 0
    _named: set[Json] = field(factory=set)
    _calls: list[str] = field(factory=list)
    _demands: dict[int, int] = field(factory=dict)
    _unloaded: bool = False
    _texts: dict[int, str] = field(factory=dict)
    _open: dict[str, int] = field(factory=dict)

    def start(self) -> None:
        """Open the thread."""
        self._take(self.thread.open(self.turn))

    def play(self, move: Move) -> None:
        """Carry a move out."""
        match move:
            case Tell(method, params):
                self._tell(Notification(method, self._here(params)))
            case Demand(method, params):
                self._demands[len(self._demands)] = 0
                self._take(self.thread.receive(Request(len(self._demands) - 1, method, self._here(params))))
            case Settle(nth, outcome):
                if self._calls:
                    self._settle(self._calls.pop(nth % len(self._calls)), outcome)
            case Act(name):
                _ACTS[name](self)

    def finish(self) -> None:
        """Stop the thread, let the child settle all calls, and see that nothing is left hanging."""
        self.play(Act("abort"))
        while self._calls:
            self._settle(self._calls.pop(0), "well")
        _must(self.thread.state == "closed", f"it ends, and is not {self.thread.state}")
        if not self.lost:
            _must(all(count == 1 for count in self._demands.values()), "every request is answered once")
            _must(self._unloaded or self.thread.id is None, "the thread is unloaded")

    # The child.

    def _here(self, params: dict[str, Json]) -> dict[str, Json]:
        current = f"turn_{self._turns}"
        here = {name: current if value == CURRENT else value for name, value in params.items()}
        turn = here.get("turn")
        if isinstance(turn, dict) and turn.get("id") == CURRENT:
            here["turn"] = {**turn, "id": current}
        return here

    def _tell(self, message: Notification) -> None:
        turn = message.params.get("turn")
        if message.method == "turn/started" and isinstance(turn, dict):
            self._named.add(str(turn.get("id")))
        listening = not self.hushed and self.sentence.state != "over"
        told = listening and message.params.get("turnId") == self.thread._turn_id
        outputs = self.thread.receive(message)
        said = "".join(output.text for output in outputs if isinstance(output, e.TextDelta))
        if message.method == "item/agentMessage/delta" and said:
            _must(said == message.params["delta"], "a delta is said as it came")
        self._take(outputs)
        if message.method == "thread/closed" and self.thread.state == "closed" and self.thread.id is not None:
            self._unloaded = True
        if message.method == "item/completed" and told:
            self._told_whole(message.params.get("item"), said)

    def _told_whole(self, item: Json, said: str) -> None:
        """Hold a message to its whole text, the first time that it is told."""
        id, whole = (item.get("id"), item.get("text")) if isinstance(item, dict) else (None, None)
        if not isinstance(id, str) or not isinstance(whole, str) or id not in self._open:
            return
        index = self._open.pop(id)
        text = self._texts.get(index, "")
        before = text.removesuffix(said)
        _must(text == (whole if whole.startswith(before) else before), "a message is its whole text")

    def _settle(self, tag: str, outcome: str) -> None:
        if outcome == "well":
            turn_id = f"turn_{self._turns}"
            self._named.add(turn_id)
            good = {"thread": {"thread": {"id": THREAD}}, "turn": {"turn": {"id": turn_id}}}
            self._take(self.thread.receive(Replied(tag, good.get(tag, {}))))  # type: ignore[arg-type]
        elif outcome == "oddly":
            self._take(self.thread.receive(Replied(tag, {"thread": [], "turn": 7})))  # type: ignore[arg-type]
        else:
            self._take(self.thread.receive(Rejected(tag, "no", outcome == "never")))  # type: ignore[arg-type]

    # The client and the clock.

    def _abort(self) -> None:
        self.hushed = True
        self._take(self.thread.abort())

    def _lose(self) -> None:
        begun = self.sentence.state != "over" and not self.hushed
        self.lost = True
        self._calls.clear()
        self._take(self.thread.lose(fault("child_died")))
        _must(not begun or self.sentence.state == "over", "a lost answer has an end")

    def _resume(self) -> None:
        if self.thread.state == "suspended" and self.thread.waiting:
            given: tuple[ToolResult, ...] = tuple(
                result(id) for id in sorted(self.thread.waiting, reverse=True)
            )
            self._next_answer()
            self._take(self.thread.resume(self.turn, given))

    def _extend(self) -> None:
        if self.thread.state == "idle":
            self._next_answer()
            self._take(self.thread.extend(self.turn, (HELLO,)))

    def _fail(self) -> None:
        if self.thread.state not in ("idle", "suspended"):
            outputs = [*self.thread.fail(fault("idle")), *self.thread.abort()]
            self._take(outputs)
            self.hushed = True

    def _next_answer(self) -> None:
        _must(self.sentence.state == "over", "an answer ends before the next")
        self.sentence = Sentence()
        self._texts.clear()
        self._open.clear()

    # The laws.

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if is_command(output):
                self._hold(output)  # type: ignore[arg-type]
            else:
                self._hear(output)  # type: ignore[arg-type]

    def _hear(self, event: e.Event) -> None:
        _must(not self.hushed, "nothing is said once nobody listens")
        self.sentence.feed(event)
        if isinstance(event, e.MessageOpened):
            self._open[event.id] = event.index
        if isinstance(event, e.TextDelta):
            _must(event.text != "", "no empty deltas")
            self._texts[event.index] = self._texts.get(event.index, "") + event.text

    def _hold(self, command: Command) -> None:
        if isinstance(command, Answer | Decline):
            self._demands[command.request] += 1  # type: ignore[index]
            _must(self._demands[command.request] == 1, "a request is answered once")  # type: ignore[index]
            return
        _must(not self._unloaded, "nothing is asked of an unloaded thread")
        _must(command.tag == "thread" or self.thread.id == THREAD, "a thread has an id first")
        if isinstance(command.params, b.TurnInterrupt):
            _must(command.params.turnId in self._named, "only a turn the child has named is stopped")
        self._unloaded = command.tag == "close"
        self._turns += command.tag == "turn"
        self._calls.append(command.tag)


def _must(holds: bool, law: str) -> None:
    assert holds, law


_ACTS: dict[str, Callable[[Drama], Any]] = {
    "abort": Drama._abort,
    "lose": Drama._lose,
    "resume": Drama._resume,
    "extend": Drama._extend,
    "fail": Drama._fail,
    "settle": lambda drama: drama._take(drama.thread.settle()),
}
