"""Hypothesis strategies for sentences of the grammar: every answer that a back end may give.

Items interleave, and texts contain what streams get wrong: repeats, line ends, empty deltas, characters
outside the basic plane.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st

from codexd.neutral import event as e
from codexd.neutral.fault import Fault, fault, kinds
from codexd.wire.json import encode

T = TypeVar("T")

Sentence = tuple[e.Event, ...]
"""A sequence of events that the grammar allows."""

Script = tuple[e.Event, ...]
"""The events of one item, all with index 0; `_numbered` assigns the index."""

DIFFICULT_TEXTS = (
    *(
        "",
        "1",
        "100",
        "ha",
        "\n",
        "\n\n",
        " ",
        "a",
        "é",
        "e\u0301",
        "\U0001f600",
        "\U0001f469\u200d\U0001f4bb",
    ),
    *("\u2028", "\u2029", "\0", '"', "\\", "data: [DONE]", "\r\n", "</s>", "\ufeff", "\x7f", "{}", "null"),
)
CALL_KINDS = ("function", "custom", "tool_search")
FINISHES: tuple[e.Finish, ...] = ("stop", "length", "tool_calls", "content_filter")


def texts(min_size: int = 0) -> st.SearchStrategy[str]:
    """Draw one piece of text."""
    difficult = tuple(text for text in DIFFICULT_TEXTS if len(text) >= min_size)
    return st.sampled_from(difficult) | st.text(min_size=min_size, max_size=5)


def pieces(limit: int = 4) -> st.SearchStrategy[list[str]]:
    """Draw a text in pieces; repeats such as `ha|ha` are frequent."""
    repeats = texts().flatmap(lambda text: st.integers(2, 3).map(lambda times: [text] * times))
    return st.lists(texts(), max_size=limit) | repeats


def names() -> st.SearchStrategy[str]:
    """Draw a tool name that OpenAI's rule allows."""
    return st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)


def usages() -> st.SearchStrategy[e.Usage]:
    """Draw the usage of an answer."""
    tokens = st.integers(0, 10**6)
    return st.builds(
        e.Usage,
        input_tokens=tokens,
        cached_tokens=tokens,
        cache_write_tokens=tokens,
        output_tokens=tokens,
        reasoning_tokens=tokens,
        estimated=st.booleans(),
    )


def faults() -> st.SearchStrategy[Fault]:
    """Draw a fault of any kind."""
    return st.sampled_from(kinds()).map(fault)


def tokens() -> st.SearchStrategy[str]:
    """Draw the log probabilities of one piece of text."""
    token = st.builds(
        lambda text, logprob: {
            "token": text,
            "logprob": logprob,
            "bytes": [*text.encode()],
            "top_logprobs": [],
        },
        texts(),
        st.sampled_from((0.0, -0.5, -9999.0)),
    )
    return st.lists(token, min_size=1, max_size=2).map(lambda some: encode(some).decode())


def annotations() -> st.SearchStrategy[str]:
    """Draw one annotation; Chat supports only URL citations."""
    places = st.fixed_dictionaries({"start_index": st.integers(0, 9), "end_index": st.integers(0, 9)})
    cited = places.map(lambda at: {"type": "url_citation", "url": "https://a.org", "title": "a", **at})
    other = st.just({"type": "file_citation", "file_id": "file_1", "filename": "a", "index": 0})
    return (cited | other).map(lambda noted: encode(noted).decode())


@st.composite
def messages(draw: st.DrawFn) -> Script:
    """Draw one message: text with annotations and log probabilities, then perhaps a refusal."""
    weights = st.none() | tokens()
    said: list[e.Event] = [e.TextDelta(0, text, draw(weights)) for text in draw(pieces())]
    for noted in draw(st.lists(annotations(), max_size=2)):
        said.insert(draw(st.integers(0, len(said))), e.Annotated(0, noted))
    refused = [e.RefusalDelta(0, text) for text in draw(st.just([]) | pieces(2))]
    phase = draw(st.none() | st.sampled_from(("commentary", "final_answer")))
    return (e.MessageOpened(0, "msg", phase), *said, *refused, e.MessageClosed(0, draw(st.booleans())))


@st.composite
def thoughts(draw: st.DrawFn) -> Script:
    """Draw one reasoning item with summary and open text, interleaved."""
    kinds_of_delta = (e.SummaryDelta, e.ThoughtDelta)
    runs = [
        [kind(0, part, text) for part, said in enumerate(draw(st.lists(pieces(2), max_size=2))) for text in said]
        for kind in kinds_of_delta
    ]
    said = [delta for _, delta in draw(merged([_without_gaps(run) for run in runs]))]
    encrypted = draw(st.none() | st.just("sealed"))
    return (e.ReasoningOpened(0, "rs"), *said, e.ReasoningClosed(0, encrypted, draw(st.booleans())))


def _without_gaps(deltas: list[Any]) -> list[Any]:
    """Renumber the parts without those that have no pieces."""
    numbers = {part: number for number, part in enumerate(dict.fromkeys(delta.part for delta in deltas))}
    return [attrs.evolve(delta, part=numbers[delta.part]) for delta in deltas]


@st.composite
def calls(draw: st.DrawFn, kinds: tuple[str, ...] = CALL_KINDS) -> Script:
    """Draw one tool call."""
    kind = draw(st.sampled_from(kinds))
    said = [e.CallDelta(0, text) for text in draw(pieces(3))]
    of_search = kind == "tool_search"
    name, namespace = ("tool_search", None) if of_search else (draw(names()), draw(st.none() | names()))
    opened = e.CallOpened(index=0, id="fc", call_id="call", name=name, kind=kind, namespace=namespace)  # type: ignore[arg-type]
    return (opened, *said, e.CallClosed(0, draw(st.booleans())))


@st.composite
def searches(draw: st.DrawFn) -> Script:
    """Draw one web search."""
    actions = (
        {"type": "search", "query": "a", "queries": ["a"]},
        {"type": "open_page", "url": "https://a.org"},
    )
    action = draw(st.none() | st.sampled_from(actions).map(lambda action: encode(action).decode()))
    return (e.SearchOpened(0, "ws"), e.SearchClosed(0, action, draw(st.booleans())))


@st.composite
def merged(draw: st.DrawFn, runs: Sequence[Sequence[T]]) -> list[tuple[int, T]]:
    """Draw an interleaving of several runs as (number of the run, member); each run keeps its order."""
    left = {number: list(run) for number, run in enumerate(runs) if run}
    found: list[tuple[int, T]] = []
    while left:
        number = draw(st.sampled_from(sorted(left)))
        found.append((number, left[number].pop(0)))
        if not left[number]:
            del left[number]
    return found


def _numbered(spoken: list[tuple[int, e.Event]]) -> list[e.Event]:
    """Assign indexes in the order in which the items open, and unique ids."""
    indexes: dict[int, int] = {}
    events: list[e.Event] = []
    for number, event in spoken:
        index = indexes.setdefault(number, len(indexes))
        changes: dict[str, Any] = {"index": index}
        for name in ("id", "call_id"):
            if hasattr(event, name):
                changes[name] = f"{getattr(event, name)}_{index}"
        events.append(attrs.evolve(event, **changes))
    return events


def _items(kinds: tuple[str, ...]) -> st.SearchStrategy[list[Script]]:
    return st.lists(st.one_of(messages(), thoughts(), calls(kinds), searches()), max_size=4)


@st.composite
def sentences(draw: st.DrawFn, kinds: tuple[str, ...] = CALL_KINDS) -> Sentence:
    """Draw a successful answer; `kinds` are the kinds of call that it may contain."""
    scripts = draw(_items(kinds))
    apart = [(number, event) for number, script in enumerate(scripts) for event in script]
    items = _numbered(draw(st.just(apart) | merged(scripts)))
    counted = [e.UsageReported(usage) for usage in draw(st.lists(usages(), max_size=1))]
    return (e.Began(), *items, *counted, e.Ended(draw(st.sampled_from(FINISHES))))


@st.composite
def broken_sentences(draw: st.DrawFn, begun: bool = False) -> Sentence:
    """Draw an answer that fails anywhere; with `begun`, not before its first event."""
    whole = draw(sentences())
    cut = draw(st.integers(int(begun), len(whole) - 1))
    return (*whole[:cut], e.Failed(draw(faults())))
