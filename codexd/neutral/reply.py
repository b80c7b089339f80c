"""What came of it: the fold of an answer's events.

A non-streamed answer is this fold, and a streamed one carries it in its last frame; there is no other path.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import define, field, frozen

from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.turn import JsonText, Message, Part, Reasoning, RefusalPart, Search, TextPart, ToolCall

Output = Message | Reasoning | ToolCall | Search


@frozen
class Reply:
    """A whole answer: its items in order, how it ended, what it cost.

    Attributes:
        reasoning: the parts of all reasoning, summaries and open text alike, in the order they began; the
            items keep the two apart and so do not know it.
    """

    items: tuple[Output, ...] = ()
    finish: e.Finish | None = None
    usage: e.Usage | None = None
    fault: Fault | None = None
    reasoning: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All text said, of all messages, in order."""
        return "".join(part.text for part in self.texts)

    @property
    def texts(self) -> tuple[TextPart, ...]:
        """The texts of all messages, in order, with what belongs to them."""
        messages = (item for item in self.items if isinstance(item, Message))
        return tuple(part for message in messages for part in message.parts if isinstance(part, TextPart))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(item for item in self.items if isinstance(item, ToolCall))


@define
class _Growing:
    """One item while it grows: pieces are joined once, when it is read."""

    opened: e.Opened
    text: list[str] = field(factory=list)
    annotations: list[JsonText] = field(factory=list)
    logprobs: list[JsonText] = field(factory=list)
    refusal: list[str] = field(factory=list)
    summary: list[list[str]] = field(factory=list)
    content: list[list[str]] = field(factory=list)
    encrypted: str | None = None
    action: JsonText | None = None
    complete: bool = False


def _join(parts: list[list[str]]) -> tuple[str, ...]:
    return tuple("".join(part) for part in parts)


def joined(arrays: Iterable[JsonText]) -> JsonText | None:
    """Make one JSON array of several, none of which is empty; None when there are none."""
    inside = ",".join(array[1:-1] for array in arrays)
    return f"[{inside}]" if inside else None


def _message(item: _Growing) -> Message:
    assert isinstance(item.opened, e.MessageOpened)
    parts: list[Part] = []
    if item.text or item.annotations or not item.refusal:
        parts.append(TextPart("".join(item.text), tuple(item.annotations), joined(item.logprobs)))
    if item.refusal:
        parts.append(RefusalPart("".join(item.refusal)))
    return Message("assistant", tuple(parts), item.opened.phase, item.opened.id, item.complete)


def _reasoning(item: _Growing) -> Reasoning:
    return Reasoning(_join(item.summary), _join(item.content), item.encrypted, item.opened.id, item.complete)


def _call(item: _Growing) -> ToolCall:
    opened = item.opened
    assert isinstance(opened, e.CallOpened)
    return ToolCall(
        opened.call_id,
        opened.name,
        "".join(item.text),
        opened.kind,
        opened.namespace,
        opened.id,
        item.complete,
    )


def _search(item: _Growing) -> Search:
    return Search(item.opened.id, item.action, item.complete)


_WHOLE: Final[dict[type, Callable[[_Growing], Output]]] = {
    e.MessageOpened: _message,
    e.ReasoningOpened: _reasoning,
    e.CallOpened: _call,
    e.SearchOpened: _search,
}


class Fold:
    """Takes a sentence event by event and can give the reply at any point."""

    def __init__(self) -> None:
        self._items: list[_Growing] = []
        self._finish: e.Finish | None = None
        self._usage: e.Usage | None = None
        self._fault: Fault | None = None
        self._reasoning: list[list[str]] = []

    def feed(self, event: e.Event) -> None:
        """Take the next event of a grammatical sentence."""
        _TAKES[type(event)](self, event)

    def item(self, index: int) -> Output:
        """Give one item as it stands."""
        growing = self._items[index]
        return _WHOLE[type(growing.opened)](growing)

    def reply(self) -> Reply:
        """Give the whole as it stands."""
        items = tuple(self.item(index) for index in range(len(self._items)))
        return Reply(items, self._finish, self._usage, self._fault, _join(self._reasoning))

    def _began(self, event: e.Began) -> None:
        """Nothing to keep: the answer has no content yet."""

    def _opened(self, event: e.Opened) -> None:
        self._items.append(_Growing(event))

    def _text(self, event: e.TextDelta) -> None:
        growing = self._items[event.index]
        growing.text.append(event.text)
        if event.logprobs is not None:
            growing.logprobs.append(event.logprobs)

    def _annotated(self, event: e.Annotated) -> None:
        self._items[event.index].annotations.append(event.annotation)

    def _argued(self, event: e.CallDelta) -> None:
        self._items[event.index].text.append(event.text)

    def _refusal(self, event: e.RefusalDelta) -> None:
        self._items[event.index].refusal.append(event.text)

    def _summary(self, event: e.SummaryDelta) -> None:
        self._put(self._items[event.index].summary, event)

    def _thought(self, event: e.ThoughtDelta) -> None:
        self._put(self._items[event.index].content, event)

    def _put(self, parts: list[list[str]], event: e.SummaryDelta | e.ThoughtDelta) -> None:
        if event.part == len(parts):
            parts.append([])
            self._reasoning.append(parts[-1])
        parts[event.part].append(event.text)

    def _closed(self, event: e.Closed) -> None:
        growing = self._items[event.index]
        growing.complete = event.complete
        if isinstance(event, e.ReasoningClosed):
            growing.encrypted = event.encrypted
        elif isinstance(event, e.SearchClosed):
            growing.action = event.action

    def _counted(self, event: e.UsageReported) -> None:
        self._usage = event.usage

    def _ended(self, event: e.Ended) -> None:
        self._finish = event.finish

    def _failed(self, event: e.Failed) -> None:
        self._fault = event.fault


_TAKES: Final[dict[type, Callable[[Fold, Any], None]]] = {
    e.Began: Fold._began,
    e.MessageOpened: Fold._opened,
    e.ReasoningOpened: Fold._opened,
    e.CallOpened: Fold._opened,
    e.SearchOpened: Fold._opened,
    e.TextDelta: Fold._text,
    e.Annotated: Fold._annotated,
    e.CallDelta: Fold._argued,
    e.RefusalDelta: Fold._refusal,
    e.SummaryDelta: Fold._summary,
    e.ThoughtDelta: Fold._thought,
    e.MessageClosed: Fold._closed,
    e.ReasoningClosed: Fold._closed,
    e.CallClosed: Fold._closed,
    e.SearchClosed: Fold._closed,
    e.UsageReported: Fold._counted,
    e.Ended: Fold._ended,
    e.Failed: Fold._failed,
}


def fold(events: Iterable[e.Event]) -> Reply:
    """Give the reply that a whole sentence amounts to."""
    folding = Fold()
    for event in events:
        folding.feed(event)
    return folding.reply()
