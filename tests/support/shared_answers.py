"""Answers that every back end can give, as hypothesis strategies, and their neutral events.

Items do not interleave, reasoning is open and has one part, calls are whole. The ids are those that codexd
makes up for a Chat server, which sends none; an app-server can send any id, so the results compare without
normalisation.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from attrs import evolve, frozen
from hypothesis import strategies as st

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.turn import ToolChoice, Turn
from codexd.policy import estimate
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.chat_chunks import TOKEN, TURN, check_sentence
from tests.support.sentences import texts

Kind = Literal["message", "thought", "call"]

TOOL_CHOICE_UNMET: Final = "tool_choice_unmet"
FINISHES: Final = ("stop", "length", "content_filter")
FAULT_MESSAGES: Final = {"invalid_prompt": "Not like this."}
"""The provider's message by kind of fault, where the client receives it."""

FAULTS: Final = (
    "rate_limited",
    "overloaded",
    "context_length_exceeded",
    "quota_exhausted",
    "credentials_rejected",
    "unknown_model",
    "invalid_prompt",
    "model_failed",
    "stream_cut",
)
TOOLS: Final[dict[str, tuple[Literal["function", "custom"], str | None, str]]] = {
    "get_weather": ("function", None, "get_weather"),
    "files__read": ("function", "files", "read"),
    "patch": ("custom", None, "patch"),
}
"""Kind, namespace and name of each tool, by its name at a Chat server."""


@frozen(kw_only=True)
class Item:
    """One item.

    Attributes:
        pieces: its text, in deltas.
        notes: the annotations of a message.
        tool: the tool of a call, by its name at a Chat server.
        named: the Chat server sends an id for the call.
        whole: whether the item is complete; None if the answer failed inside it.
    """

    kind: Kind
    pieces: tuple[str, ...] = ()
    notes: tuple[Json, ...] = ()
    tool: str = ""
    named: bool = True
    id: str = ""
    call_id: str = ""
    whole: bool | None = True

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@frozen
class Answer:
    """A whole answer.

    Attributes:
        end: a finish reason, or the kind of a fault that occurs while the last item is open.
        usage: None if the provider reports none.
    """

    items: tuple[Item, ...] = ()
    end: str = "stop"
    usage: e.Usage | None = None

    @classmethod
    def of(cls, items: list[Item], end: str, usage: e.Usage | None) -> "Answer":
        """Build an answer: assign ids and mark the last item as incomplete if the end requires it."""
        calls = [item for item in items if item.kind == "call"]
        numbered = []
        for index, item in enumerate(items):
            prefix = {"message": "msg", "thought": "rs", "call": "fc"}[item.kind]
            place = calls.index(item) if item in calls else 0
            call_id = f"call_{index}" if item.named else f"call_{TOKEN}{place:04x}"
            last = index + 1 == len(items) and item.kind != "call" and end not in ("stop", TOOL_CHOICE_UNMET)
            whole = (False if end in FINISHES else None) if last else True
            numbered.append(evolve(item, id=f"{prefix}_{TOKEN}{index:04x}", call_id=call_id, whole=whole))
        return cls(tuple(numbered), end, usage)

    @property
    def turn(self) -> Turn:
        """The turn that it answers."""
        return evolve(TURN, tool_choice=ToolChoice("required")) if self.end == TOOL_CHOICE_UNMET else TURN

    @property
    def calls(self) -> bool:
        return any(item.kind == "call" for item in self.items)


# Strategies.

CITATION: Final[Json] = {"type": "url_citation", "url": "https://a.org", "title": "a", "start_index": 0}
PIECES: Final = st.lists(texts(1), min_size=1, max_size=4).map(tuple)
MESSAGES: Final = st.builds(
    Item, kind=st.just("message"), pieces=PIECES, notes=st.sampled_from(((), (CITATION,), (CITATION,) * 2))
)
THOUGHTS: Final = st.builds(Item, kind=st.just("thought"), pieces=PIECES)
ARGUMENTS: Final = st.dictionaries(texts(), texts() | st.integers(-9, 9), max_size=2)
_COUNTS: Final = st.integers(0, 99)
USAGES: Final = st.none() | st.builds(
    e.Usage,
    input_tokens=st.integers(1, 99),
    cached_tokens=_COUNTS,
    cache_write_tokens=_COUNTS,
    output_tokens=_COUNTS,
    reasoning_tokens=_COUNTS,
)


def _written(tool: str, arguments: Json) -> str:
    return str(arguments) if TOOLS[tool][0] == "custom" else json.encode(arguments).decode()


def calls(named: st.SearchStrategy[bool] = st.booleans()) -> st.SearchStrategy[Item]:  # noqa: B008
    """Draw one call."""
    made = st.tuples(st.sampled_from(sorted(TOOLS)), ARGUMENTS, named)
    return made.map(lambda call: Item(kind="call", pieces=(_written(call[0], call[1]),), tool=call[0], named=call[2]))


def _alternating(items: list[Item]) -> list[Item]:
    """Drop an item after one of its own kind, which a Chat server cannot separate; calls stay."""
    pairs = zip([None, *items], items, strict=False)
    return [item for last, item in pairs if last is None or last.kind != item.kind or item.kind == "call"]


ITEM_LISTS: Final = st.lists(MESSAGES | THOUGHTS, max_size=4).map(_alternating)
ITEM_LISTS_WITH_CALL: Final = st.builds(list.__add__, ITEM_LISTS, st.lists(calls(), max_size=1))
ANSWERS: Final = st.one_of(
    st.builds(Answer.of, ITEM_LISTS_WITH_CALL, st.just("stop"), USAGES),
    st.builds(Answer.of, ITEM_LISTS_WITH_CALL, st.sampled_from(FINISHES), st.none()),
    st.builds(Answer.of, ITEM_LISTS, st.sampled_from((*FAULTS, TOOL_CHOICE_UNMET)), USAGES),
)
"""Answers whose items both back ends send in the same order; a Chat server's calls end with the answer.

An app-server reports no usage for an answer that was cut.
"""

PARALLEL_CALLS: Final = st.booleans().flatmap(
    lambda named: st.builds(
        Answer.of,
        st.builds(
            list.__add__,
            ITEM_LISTS,
            st.lists(calls(st.just(named)), min_size=1, max_size=4, unique_by=lambda call: (call.tool, call.text)),
        ),
        st.just("stop"),
        USAGES,
    )
)
"""Answers with several calls, either all with ids at the Chat server or none."""


# Neutral events.


def neutral_events(answer: Answer) -> list[e.Event]:
    """Return the neutral events of an answer."""
    said = [event for index, item in enumerate(answer.items) for event in _EVENTS[item.kind](index, item)]
    if answer.end not in FINISHES:
        failed = e.Failed(fault(answer.end, FAULT_MESSAGES.get(answer.end)))
        return check_sentence([*([e.Began()] if said else []), *said, failed])
    finish: Any = "tool_calls" if answer.calls and answer.end == "stop" else answer.end
    size = sum(len(item.text.encode()) for item in answer.items)
    usage = answer.usage or estimate.usage(answer.turn, size)
    return check_sentence([e.Began(), *said, e.UsageReported(usage), e.Ended(finish)])


def _message(index: int, item: Item) -> Iterator[e.Event]:
    yield e.MessageOpened(index, item.id)
    yield from (e.TextDelta(index, piece) for piece in item.pieces)
    if item.whole:
        yield from (e.Annotated(index, json.encode(note).decode()) for note in item.notes)
    if item.whole is not None:
        yield e.MessageClosed(index, item.whole)


def _thought(index: int, item: Item) -> Iterator[e.Event]:
    yield e.ReasoningOpened(index, item.id)
    yield from (e.ThoughtDelta(index, 0, piece) for piece in item.pieces)
    if item.whole is not None:
        yield e.ReasoningClosed(index, None, item.whole)


def _call(index: int, item: Item) -> Iterator[e.Event]:
    kind, namespace, name = TOOLS[item.tool]
    yield e.CallOpened(index=index, id=item.id, call_id=item.call_id, name=name, kind=kind, namespace=namespace)
    yield e.CallDelta(index, item.text)
    yield e.CallClosed(index)


_EVENTS: Final[dict[Kind, Callable[[int, Item], Iterator[e.Event]]]] = {
    "message": _message,
    "thought": _thought,
    "call": _call,
}
