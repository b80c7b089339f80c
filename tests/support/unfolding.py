"""The inverse of folding: a reply as a sentence with as few events as possible."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from codexd.neutral import event as e
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Message, Reasoning, RefusalPart, TextPart, ToolCall, WebSearchCall


def unfold(reply: Reply) -> tuple[e.Event, ...]:
    """Return the events of a reply; its items do not interleave."""
    said = [event for index, item in enumerate(reply.items) for event in _EVENTS[type(item)](index, item)]
    counted = [] if reply.usage is None else [e.UsageReported(reply.usage)]
    end = e.Failed(reply.fault) if reply.fault else e.Ended(reply.finish or "stop")
    return (e.Began(), *said, *counted, end)


def _message(index: int, item: Message) -> Iterator[e.Event]:
    yield e.MessageOpened(index, item.id or "msg", item.phase)
    for part in item.parts:
        if isinstance(part, TextPart):
            yield e.TextDelta(index, part.text, part.logprobs)
            for note in part.annotations:
                yield e.Annotated(index, note)
        elif isinstance(part, RefusalPart):
            yield e.RefusalDelta(index, part.text)
    yield e.MessageClosed(index, item.complete)


def _thought(index: int, item: Reasoning) -> Iterator[e.Event]:
    yield e.ReasoningOpened(index, item.id or "rs")
    for part, text in enumerate(item.summary):
        yield e.SummaryDelta(index, part, text)
    for part, text in enumerate(item.content):
        yield e.ThoughtDelta(index, part, text)
    yield e.ReasoningClosed(index, item.encrypted, item.complete)


def _call(index: int, item: ToolCall) -> Iterator[e.Event]:
    yield e.CallOpened(
        index=index, id=item.id or "fc", call_id=item.call_id, name=item.name, kind=item.kind, namespace=item.namespace
    )
    yield e.CallDelta(index, item.arguments)
    yield e.CallClosed(index, item.complete)


def _search(index: int, item: WebSearchCall) -> Iterator[e.Event]:
    yield e.SearchOpened(index, item.id or "ws")
    yield e.SearchClosed(index, item.action, item.complete)


_EVENTS: Final[dict[type, Callable[[int, Any], Iterator[e.Event]]]] = {
    Message: _message,
    Reasoning: _thought,
    ToolCall: _call,
    WebSearchCall: _search,
}
