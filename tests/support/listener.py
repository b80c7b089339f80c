"""Whoever asks a back end for answers, and objects to what no sink may be told."""

from collections.abc import Callable

from attrs import evolve, frozen
from zope.interface import implementer

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.grammar import Sentence
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Message, TextPart, Tool, ToolResult, Turn

TOOL = Tool("f", "A tool.", '{"type":"object","properties":{"x":{"type":"integer"}}}')


@implementer(IEventSink)
class Listener:
    """Takes one answer, and objects to what no sink may be told.

    Attributes:
        flushed: events that had come at the last flush.
        closed: nothing may come any more: it was told the end, or has cancelled.
    """

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self.flushed = 0
        self.flushes = 0
        self.closed = False
        self.on_flush: Callable[[], None] = lambda: None
        self._sentence = Sentence()
        self._fold = Fold()

    def receive(self, event: e.Event) -> None:
        assert not self.closed, f"{event} after the end"
        self._sentence.feed(event)
        self._fold.feed(event)
        self.events.append(event)
        self.closed = isinstance(event, e.Ended | e.Failed)

    def flush(self) -> None:
        assert self.flushed < len(self.events), "nothing to flush"
        self.flushed = len(self.events)
        self.flushes += 1
        self.on_flush()

    def leave(self, handle: ITurnHandle) -> None:
        """Cancel: nothing may come after this."""
        handle.cancel()
        self.closed, self.flushed = True, len(self.events) + 1

    @property
    def reply(self) -> Reply:
        return self._fold.reply()

    @property
    def kind(self) -> str | None:
        """How it ended: a finish, or the kind of its fault; None while it goes on."""
        reply = self.reply
        return reply.fault.kind if reply.fault else reply.finish


@frozen
class Asked:
    """An answer that was asked for."""

    turn: Turn
    listener: Listener
    handle: ITurnHandle

    @property
    def reply(self) -> Reply:
        return self.listener.reply

    @property
    def kind(self) -> str | None:
        return self.listener.kind

    def leave(self) -> None:
        self.listener.leave(self.handle)


def turn(*texts: str, model: str = "scripted", **changes: object) -> Turn:
    """Ask with these user messages; the last says what to answer."""
    return Turn(model, tuple(user(text) for text in texts), **changes)  # type: ignore[arg-type]


def user(text: str) -> Message:
    return Message("user", (TextPart(text),))


def after(asked: Asked, *texts: str) -> Turn:
    """Ask on: the history, what was answered, and more."""
    items = (*asked.turn.items, *asked.reply.items, *(user(text) for text in texts))
    return evolve(asked.turn, items=items)


def answered(asked: Asked, *results: str) -> Turn:
    """Ask on with the results of the calls, in their order."""
    given = tuple(
        ToolResult(call.call_id, (TextPart(text),))
        for call, text in zip(asked.reply.calls, results, strict=True)
    )
    return evolve(asked.turn, items=(*asked.turn.items, *asked.reply.items, *given))
