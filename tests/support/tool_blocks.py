"""Hypothesis strategies: texts with tool call blocks in them, complete, broken and look-alike."""

from attrs import evolve
from hypothesis import strategies as st

from codexd.neutral import event as e
from codexd.neutral.turn import Tool
from codexd.tools.block_parser import ParsedBlock
from codexd.tools.block_patterns import DEFAULT_PATTERNS, BlockPattern
from codexd.tools.call_limits import CallLimits
from codexd.wire import json
from tests.support.chunking import chunkings
from tests.support.sentences import Script, names, sentences, texts

OPEN, CLOSE = "<use_tool>", "</use_tool>"
FIND_BLOCK = f"{OPEN}<name>find</name><query>R&amp;D</query>{CLOSE}"
"""A block that calls the tool `find`."""

FIND_ARGUMENTS = '{"query":"R&D"}'
"""The arguments of `FIND_BLOCK`."""

_SCHEMA = '{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}}}'
TOOL = Tool(name="find", description="Finds notes.", parameters=_SCHEMA)

_SHREDS = (
    *(
        OPEN,
        CLOSE,
        FIND_BLOCK,
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


def _read_call(source: str) -> ParsedBlock | None:
    try:
        found = json.decode(source[len("<call:") : -len(":call>")])
    except json.JsonError:
        return None
    return ParsedBlock("find", arguments=json.encode(found).decode()) if isinstance(found, dict) else None


CALL = BlockPattern(name="call", opening="<call:", closing=":call>", parse=_read_call)
"""A pattern of the tests' own: `<call:{...}:call>` calls `find`."""

PATTERNS = DEFAULT_PATTERNS.register(CALL)

GATES = st.builds(
    CallLimits, st.integers(0, 3), st.sampled_from(("never", "burst", "first")), st.booleans(), st.integers(0, 9)
)


def answer(*texts: str, finish: e.Finish = "stop") -> list[e.Event]:
    """Return the events of an answer with one message, in these deltas."""
    said = [e.TextDelta(0, text) for text in texts]
    return [e.Began(), e.MessageOpened(0, "msg", "p"), *said, e.MessageClosed(0), e.Ended(finish)]


def without_logprobs(event: e.Event) -> e.Event:
    """Return the event without log probabilities."""
    return evolve(event, logprobs=None) if isinstance(event, e.TextDelta) else event


def block_texts() -> st.SearchStrategy[str]:
    """Draw a text in which blocks may begin, end, nest and break anywhere."""
    return st.lists(st.sampled_from(_SHREDS) | texts(), max_size=12).map("".join)


def chunked_block_texts() -> st.SearchStrategy[tuple[str, list[str]]]:
    """Draw such a text, whole and in chunks."""
    return block_texts().flatmap(lambda text: st.tuples(st.just(text), chunkings(text)))


def values() -> st.SearchStrategy[json.Json]:
    """Draw a JSON value; texts that look like other types are frequent."""
    tricky = st.sampled_from(_TRICKY)
    leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15) | texts() | tricky
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3))


def arguments() -> st.SearchStrategy[dict[str, json.Json]]:
    """Draw a call's arguments; names that no tag can have, or with another meaning, are frequent."""
    keys = names() | st.sampled_from(("name", "args", "arguments", "item", "use_tool", "a b", "", "<", "-a"))
    return st.dictionaries(keys, values(), max_size=4)


@st.composite
def sentences_with_blocks(draw: st.DrawFn) -> Script:
    """Draw the events of an answer whose messages may contain blocks, split anywhere."""
    events = draw(sentences())
    sizes: dict[int, int] = {}
    for event in events:
        if isinstance(event, e.TextDelta):
            sizes[event.index] = sizes.get(event.index, 0) + 1
    said = {index: iter(draw(_text_pieces(size))) for index, size in sizes.items()}
    return tuple(
        evolve(event, text=next(said[event.index])) if isinstance(event, e.TextDelta) else event for event in events
    )


@st.composite
def rechunked(draw: st.DrawFn, events: Script) -> Script:
    """Draw the same sentence with other deltas of its text."""
    found: list[e.Event] = []
    for event in events:
        if isinstance(event, e.TextDelta):
            found += [e.TextDelta(event.index, piece) for piece in draw(chunkings(event.text))]
        else:
            found.append(event)
    return tuple(found)


@st.composite
def _text_pieces(draw: st.DrawFn, size: int) -> list[str]:
    """Draw such a text in this many pieces."""
    text = draw(block_texts())
    borders = sorted(draw(st.lists(st.integers(0, len(text)), min_size=size - 1, max_size=size - 1)))
    return [text[a:b] for a, b in zip([0, *borders], [*borders, len(text)], strict=True)]
