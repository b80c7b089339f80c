"""Hypothesis strategies: texts with tool calls in them, whole, broken and beside the point."""

from attrs import evolve
from hypothesis import strategies as st

from codexd.neutral import event as e
from codexd.neutral.turn import Tool
from codexd.tools.gates import Gates
from codexd.tools.patterns import KNOWN, Pattern
from codexd.tools.use import Use
from codexd.wire import json
from tests.support.chunking import chunkings
from tests.support.sentences import Script, names, sentences, texts

OPEN, CLOSE = "<use_tool>", "</use_tool>"
FIND = f"{OPEN}<name>find</name><query>R&amp;D</query>{CLOSE}"
"""A block that calls the tool `find`."""

FOUND = '{"query":"R&D"}'
"""Its arguments."""

_SCHEMA = '{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}}}'
TOOL = Tool("find", "Finds notes.", _SCHEMA)

_SHREDS = (
    *(
        OPEN,
        CLOSE,
        FIND,
        "<use_tool",
        "</use_tool",
        "<",
        "</",
        "<use",
        "_tool>",
        ">",
        "\n",
        "<name>",
        "</name>",
    ),
    *(
        "<use_tool name='find'>",
        "<use_tools>",
        "find",
        " ",
        "a",
        "ha",
        "<<use_tool>",
        "<use_<use_tool>",
        "é",
        "}",
    ),
    *("<call:", ":call>", "<call:{", '"name":"find"'),
)

_TRICKY = (
    *("1", "true", "null", "[1]", "{}", "1.50", "\n", "\n\n", "\na\n", " 1 ", "&lt;", "&#1;", '"', '"a"'),
    *("<item>a</item>", CLOSE, "<![CDATA[x]]>", "12345678901234567890123", "\n1\n  ", "]]>", "<a>", "\r\n"),
)


def _read_call(source: str) -> Use | None:
    try:
        found = json.decode(source[len("<call:") : -len(":call>")])
    except json.Malformed:
        return None
    return Use("find", arguments=json.encode(found).decode()) if isinstance(found, dict) else None


CALL = Pattern("call", "<call:", ":call>", _read_call)
"""A pattern of somebody's own: `<call:{...}:call>` calls `find`."""

BOTH = KNOWN.register(CALL)

GATES = st.builds(
    Gates, st.integers(0, 3), st.sampled_from(("never", "burst", "first")), st.booleans(), st.integers(0, 9)
)


def answer(*texts: str, finish: e.Finish = "stop") -> list[e.Event]:
    """Give an answer of one message, in these pieces."""
    said = [e.TextDelta(0, text) for text in texts]
    return [e.Began(), e.MessageOpened(0, "msg", "p"), *said, e.MessageClosed(0), e.Ended(finish)]


def without_logprobs(event: e.Event) -> e.Event:
    """Give the event without what its text weighs."""
    return evolve(event, logprobs=None) if isinstance(event, e.TextDelta) else event


def blocky() -> st.SearchStrategy[str]:
    """Give a text in which blocks may begin, end, nest and break anywhere."""
    return st.lists(st.sampled_from(_SHREDS) | texts(), max_size=12).map("".join)


def cut_blocky() -> st.SearchStrategy[tuple[str, list[str]]]:
    """Give such a text, whole and in pieces."""
    return blocky().flatmap(lambda text: st.tuples(st.just(text), chunkings(text)))


def values() -> st.SearchStrategy[json.Json]:
    """Give a JSON value; texts that look like something else are frequent."""
    tricky = st.sampled_from(_TRICKY)
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(-1e15, 1e15)
        | texts()
        | tricky
    )
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3)
    )


def arguments() -> st.SearchStrategy[dict[str, json.Json]]:
    """Give a call's arguments; names that a tag cannot bear, or that mean something else, are frequent."""
    keys = names() | st.sampled_from(("name", "args", "arguments", "item", "use_tool", "a b", "", "<", "-a"))
    return st.dictionaries(keys, values(), max_size=4)


@st.composite
def blocky_sentences(draw: st.DrawFn) -> Script:
    """Give a whole answer in whose messages blocks may be, cut in any way; other items as they may be."""
    events = draw(sentences())
    sizes: dict[int, int] = {}
    for event in events:
        if isinstance(event, e.TextDelta):
            sizes[event.index] = sizes.get(event.index, 0) + 1
    said = {index: iter(draw(_in(size))) for index, size in sizes.items()}
    return tuple(
        evolve(event, text=next(said[event.index])) if isinstance(event, e.TextDelta) else event
        for event in events
    )


@st.composite
def recut(draw: st.DrawFn, events: Script) -> Script:
    """Give the same sentence with its messages' text in other pieces."""
    found: list[e.Event] = []
    for event in events:
        if isinstance(event, e.TextDelta):
            found += [e.TextDelta(event.index, piece) for piece in draw(chunkings(event.text))]
        else:
            found.append(event)
    return tuple(found)


@st.composite
def _in(draw: st.DrawFn, size: int) -> list[str]:
    """Give such a text in so many pieces."""
    text = draw(blocky())
    borders = sorted(draw(st.lists(st.integers(0, len(text)), min_size=size - 1, max_size=size - 1)))
    return [text[a:b] for a, b in zip([0, *borders], [*borders, len(text)], strict=True)]
