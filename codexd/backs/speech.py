"""Says what happened as a grammatical sentence, whatever the child sends and in whatever order.

The translator names items by the child's ids; here they become indexes. Items may be open side by side, as
the child passes a provider's interleaved items on; each is closed by its whole, or at the end. A whole
message is still to be noted on: it is closed by that, or when another item opens. An item that is closed
takes nothing more, unless it is started anew under its old id. Nothing is said after the end.
"""

from collections.abc import Iterable

from attrs import define, field

from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.turn import JsonText, ToolCall


@define
class _Message:
    """An open message: its index, what of it has been said, and whether that is all."""

    index: int
    said: list[str] = field(factory=list)
    whole: bool = False

    def close(self, complete: bool) -> e.Event:
        return e.MessageClosed(self.index, complete or self.whole)


@define
class _Parts:
    """How far one kind of a thought's parts has come, by the child's count and by ours.

    Ours grows only at its end: a part that is empty is left out, and what comes for an earlier part joins
    the last.
    """

    said: dict[int, list[str]] = field(factory=dict)
    last: int = -1
    place: int = -1

    def grow(self, part: int, text: str) -> int:
        if self.place < 0 or part > self.last:
            self.last, self.place = part, self.place + 1
        self.said.setdefault(part, []).append(text)
        return self.place


@define
class _Thought:
    """An open reasoning item."""

    index: int
    parts: dict[type, _Parts] = field(factory=lambda: {e.SummaryDelta: _Parts(), e.ThoughtDelta: _Parts()})

    def close(self, complete: bool) -> e.Event:
        return e.ReasoningClosed(self.index, None, complete)


@define
class _Search:
    """An open web search."""

    index: int

    def close(self, complete: bool) -> e.Event:
        return e.SearchClosed(self.index, None, complete)


class Speech:
    """One answer as it is being said.

    Attributes:
        over: the end was said, or nobody listens.
        broken: the end was a failure.
        cut: a message was never whole: the child may not have kept what was said of it.
    """

    def __init__(self) -> None:
        self.over = False
        self.broken = False
        self.cut = False
        self._began = False
        self._count = 0
        # By the child's ids; None once closed.
        self._messages: dict[str, _Message | None] = {}
        self._thoughts: dict[str, _Thought | None] = {}
        self._searches: dict[str, _Search | None] = {}
        self._pieces: list[str] = []

    @property
    def size_bytes(self) -> int:
        """How much was said, thoughts and calls included, in UTF-8."""
        return sum(len(piece.encode()) for piece in self._pieces)

    def message(self, id: str, phase: str | None = None) -> list[e.Event]:
        """Open a message, unless it is open."""
        known = self._messages.get(id)
        if self.over or (known is not None and not known.whole):
            return []
        said, message = self._begin(), _Message(self._next())
        self._messages[id] = message
        return [*said, e.MessageOpened(message.index, id, phase)]

    def text(self, id: str, text: str) -> list[e.Event]:
        """Say a piece of a message's text; the hot path."""
        said = [] if id in self._messages else self.message(id)
        message = self._messages.get(id)
        if message is None or message.whole or not text:
            return said
        message.said.append(text)
        self._pieces.append(text)
        return [*said, e.TextDelta(message.index, text)]

    def whole_message(self, id: str, text: str, phase: str | None) -> list[e.Event]:
        """Say whatever of a message no delta brought; that is all of it."""
        said = [] if id in self._messages else self.message(id, phase)
        message = self._messages.get(id)
        if message is None or message.whole:
            return said
        said += self.text(id, _rest(text, message.said))
        message.whole = True
        return said

    def noted(self, id: str, annotations: Iterable[JsonText]) -> list[e.Event]:
        """Say what was noted on a whole message, and close it."""
        message = self._messages.get(id)
        if message is None or not message.whole:
            return []
        self._messages[id] = None
        said = [e.Annotated(message.index, annotation) for annotation in annotations]
        return [*said, message.close(complete=True)]

    def thought(self, id: str) -> list[e.Event]:
        """Open a reasoning item, unless it is open."""
        if self.over or self._thoughts.get(id) is not None:
            return []
        said, thought = self._begin(), _Thought(self._next())
        self._thoughts[id] = thought
        return [*said, e.ReasoningOpened(thought.index, id)]

    def summary(self, id: str, part: int, text: str) -> list[e.Event]:
        """Say a piece of the reasoning summary; `part` is the child's count."""
        return self._think(id, part, text, e.SummaryDelta)

    def open_thought(self, id: str, part: int, text: str) -> list[e.Event]:
        """Say a piece of open reasoning text; `part` is the child's count."""
        return self._think(id, part, text, e.ThoughtDelta)

    def whole_thought(
        self, id: str, summary: tuple[str, ...], content: tuple[str, ...], encrypted: str | None
    ) -> list[e.Event]:
        """Close a reasoning item, saying first whatever of it no delta brought."""
        said = [] if id in self._thoughts else self.thought(id)
        thought = self._thoughts.get(id)
        if thought is None:
            return said
        for delta, whole in ((e.SummaryDelta, summary), (e.ThoughtDelta, content)):
            spoken = thought.parts[delta].said
            for part, text in enumerate(whole):
                said += self._think(id, part, _rest(text, spoken.get(part, [])), delta)
        self._thoughts[id] = None
        return [*said, e.ReasoningClosed(thought.index, encrypted)]

    def search(self, id: str) -> list[e.Event]:
        """Open a web search, unless it is open."""
        if self.over or self._searches.get(id) is not None:
            return []
        said, search = self._begin(), _Search(self._next())
        self._searches[id] = search
        return [*said, e.SearchOpened(search.index, id)]

    def searched(self, id: str, action: JsonText | None) -> list[e.Event]:
        """Close a web search."""
        said = [] if id in self._searches else self.search(id)
        search, self._searches[id] = self._searches.get(id), None
        return said if search is None else [*said, e.SearchClosed(search.index, action)]

    def call(self, call: ToolCall) -> list[e.Event]:
        """Say a whole tool call: they arrive in one piece."""
        if self.over:
            return []
        said, index = self._begin(), self._next()
        id = call.id or f"fc_{call.call_id}"
        said.append(e.CallOpened(index, id, call.call_id, call.name, call.kind, call.namespace))
        if call.arguments:
            self._pieces.append(call.arguments)
            said.append(e.CallDelta(index, call.arguments))
        return [*said, e.CallClosed(index)]

    def end(self, finish: e.Finish, usage: e.Usage) -> list[e.Event]:
        """Say the end; what is still open is closed, as cut when the answer was."""
        if self.over:
            return []
        said = self._begin()
        self.cut = any(message is not None for message in self._messages.values())
        said += self._close_all(complete=finish not in ("length", "content_filter"))
        self.hush()
        return [*said, e.UsageReported(usage), e.Ended(finish)]

    def fail(self, fault: Fault) -> list[e.Event]:
        """Say that it broke."""
        if self.over:
            return []
        said = self._close_whole()
        self.hush()
        self.broken = True
        return [*said, e.Failed(fault)]

    def hush(self) -> None:
        """Say nothing more."""
        self.over = True
        self._messages.clear()
        self._thoughts.clear()
        self._searches.clear()

    def _begin(self) -> list[e.Event]:
        """Make way for the next item."""
        if self._began:
            return self._close_whole()
        self._began = True
        return [e.Began()]

    def _close_whole(self) -> list[e.Event]:
        whole = [id for id, message in self._messages.items() if message is not None and message.whole]
        return [event for id in whole for event in self.noted(id, ())]

    def _next(self) -> int:
        index, self._count = self._count, self._count + 1
        return index

    def _think(
        self, id: str, part: int, text: str, delta: type[e.SummaryDelta] | type[e.ThoughtDelta]
    ) -> list[e.Event]:
        said = [] if id in self._thoughts else self.thought(id)
        thought = self._thoughts.get(id)
        if thought is None or not text:
            return said
        self._pieces.append(text)
        return [*said, delta(thought.index, thought.parts[delta].grow(part, text), text)]

    def _close_all(self, complete: bool) -> list[e.Event]:
        items = [*self._messages.values(), *self._thoughts.values(), *self._searches.values()]
        still_open = sorted((item for item in items if item is not None), key=lambda item: item.index)
        return [item.close(complete) for item in still_open]


def _rest(whole: str, said: list[str]) -> str:
    """Give what of a whole text has not been said; nothing, if another text was."""
    begun = "".join(said)
    return whole[len(begun) :] if whole.startswith(begun) else ""
