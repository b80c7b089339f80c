"""An event sink that records one answer and checks it, and builders of follow-up turns."""

from collections.abc import Callable

from attrs import evolve, frozen
from zope.interface import implementer

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Message, TextPart, Tool, ToolResult, Turn

TOOL = Tool(name="f", description="A tool.", parameters='{"type":"object","properties":{"x":{"type":"integer"}}}')


@implementer(IEventSink)
class RecordingSink:
    """Records the events of one answer.

    It raises AssertionError for an event that the grammar does not allow and for anything after the end.

    Args:
        strict: also raise it if a reactor iteration ends without a new event. Only routing does that.

    Attributes:
        settled: number of events received before the last end of a reactor iteration.
        settle_count: how many reactor iterations have ended.
        closed: no event may follow: the answer has ended or was cancelled.
        on_settle: called at the end of each reactor iteration.
    """

    def __init__(self, strict: bool = True) -> None:
        self.events: list[e.Event] = []
        self.settled = 0
        self.settle_count = 0
        self.closed = False
        self.on_settle: Callable[[], None] = lambda: None
        self._strict = strict
        self._checker = GrammarChecker()
        self._fold = Fold()

    def receive(self, event: e.Event) -> None:
        assert not self.closed, f"{event} after the end"
        self._checker.feed(event)
        self._fold.feed(event)
        self.events.append(event)
        self.closed = isinstance(event, e.Ended | e.Failed)

    def settle(self) -> None:
        assert self.unsettled > 0 or not self._strict, "no event since the last call"
        self.settled = len(self.events)
        self.settle_count += 1
        self.on_settle()

    def cancel(self, handle: ITurnHandle) -> None:
        """Cancel the turn; from now on any call of this sink fails."""
        handle.cancel()
        self.closed, self.settled = True, len(self.events) + 1

    @property
    def unsettled(self) -> int:
        """The number of events since the last end of a reactor iteration."""
        return len(self.events) - self.settled

    @property
    def over(self) -> bool:
        """Whether the answer has ended."""
        return self._checker.state == "over"

    @property
    def reply(self) -> Reply:
        """The events so far, folded."""
        return self._fold.build_reply()

    @property
    def text(self) -> str:
        """The text so far."""
        return self.reply.text

    @property
    def kind(self) -> str | None:
        """The finish reason, or the kind of the fault; None while the answer is open."""
        reply = self.reply
        return reply.fault.kind if reply.fault else reply.finish


@frozen
class StartedTurn:
    """A turn that a back end has begun, its sink and its handle."""

    turn: Turn
    sink: RecordingSink
    handle: ITurnHandle

    @property
    def reply(self) -> Reply:
        return self.sink.reply

    @property
    def kind(self) -> str | None:
        return self.sink.kind

    def cancel(self) -> None:
        self.sink.cancel(self.handle)


def turn(*texts: str, model: str = "scripted", **changes: object) -> Turn:
    """Build a turn of these user messages; the scripted model answers the last."""
    return Turn(model=model, items=tuple(user_message(text) for text in texts), **changes)  # type: ignore[arg-type]


def user_message(text: str) -> Message:
    return Message(role="user", parts=(TextPart(text),))


def continued(asked: StartedTurn, *texts: str) -> Turn:
    """Build the turn that follows: the history, the answer, and these user messages."""
    items = (*asked.turn.items, *asked.reply.items, *(user_message(text) for text in texts))
    return evolve(asked.turn, items=items)


def with_results(asked: StartedTurn, *results: str) -> Turn:
    """Build the turn that follows: the history, the answer, and one result per call, in order."""
    given = tuple(
        ToolResult(call.call_id, (TextPart(text),)) for call, text in zip(asked.reply.calls, results, strict=True)
    )
    return evolve(asked.turn, items=(*asked.turn.items, *asked.reply.items, *given))
