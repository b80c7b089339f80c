"""Chat Completions chunks as servers send them, with tool calls in every known fragmentation."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.translator import ChatTranslator
from codexd.neutral.event import Event
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.turn import Message, TextPart, Tool, Turn
from codexd.wire import json
from tests.support.chunking import chunkings
from tests.support.sentences import merged, texts

TOKEN = "0a0b"
TOOLS = (
    Tool(name="get"),
    Tool(name="get_weather"),
    Tool(name="haha"),
    Tool(name="ha"),
    Tool(name="read", namespace="files"),
    Tool(name="patch", kind="custom"),
)
TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("hi"),)),), tools=TOOLS)
DONE = b"data: [DONE]\n\n"

Chunk = dict[str, Any]


def chunk(delta: Chunk | None = None, finish: str | None = None, **members: Any) -> Chunk:
    """Build one chunk."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **members}


def frames(*chunks: Chunk) -> bytes:
    """Encode chunks as a stream without `[DONE]`."""
    return b"".join(b"data: " + json.encode(one) + b"\n\n" for one in chunks)


def translate(*data: bytes, turn: Turn = TURN, dialect: ServerCapabilities = ServerCapabilities()) -> list[Event]:  # noqa: B008
    """Translate a whole stream and return its events, which must be a whole sentence."""
    translator = ChatTranslator(turn, dialect, TOKEN)
    events = [event for piece in data for event in translator.receive(piece)]
    events += translator.close()
    return check_sentence(events)


def check_sentence(events: Iterable[Event]) -> list[Event]:
    """Return the events if they are one whole sentence.

    Raises:
        AssertionError: if the sentence is not over; the grammar's error if an event is not allowed.
    """
    checker, found = GrammarChecker(), list(events)
    for event in found:
        checker.feed(event)
    assert checker.state == "over", found
    return found


@frozen
class ModelCall:
    """A call of a model; the id is None if its server sends none."""

    name: str
    arguments: str
    id: str | None


def calls(ids: bool = True) -> st.SearchStrategy[list[ModelCall]]:
    """Draw the calls of one answer, all different."""
    name = st.sampled_from([tool.name for tool in TOOLS if tool.kind == "function"] + ["files__read", "invented"])
    arguments = st.dictionaries(texts(), texts() | st.integers(-9, 9), max_size=3).map(
        lambda value: json.encode(value).decode()
    )
    many = st.lists(st.tuples(name, arguments), min_size=1, max_size=4, unique=True)
    return many.map(lambda found: [ModelCall(*one, f"call_{at}" if ids else None) for at, one in enumerate(found)])


@st.composite
def fragments(draw: st.DrawFn, spoken: list[ModelCall]) -> list[list[Chunk]]:
    """Draw the entries of `tool_calls`, one list a chunk; interleaved where indexes or ids allow.

    The id may be in the first entry or in all; the name may come late, or in parts.
    """
    by_id = ("by id",) if spoken[0].id is not None else ()
    style = draw(st.sampled_from(("indexed", "indexed", "in sequence", "whole", *by_id)))
    runs = [draw(_entries(call, at, style)) for at, call in enumerate(spoken)]
    if style in ("in sequence", "whole"):
        entries = [entry for run in runs for entry in run]
    else:
        # The first entries are in order; later ones may interleave.
        first, rest = [run[0] for run in runs], draw(merged([run[1:] for run in runs]))
        entries = [*first, *(entry for _, entry in rest)]
    together = style == "whole" and draw(st.booleans())
    return [entries] if together else [[entry] for entry in entries]


@st.composite
def _entries(draw: st.DrawFn, call: ModelCall, at: int, style: str) -> list[Chunk]:
    place: Chunk = {"index": at} if style == "indexed" else {}
    named = {"id": call.id, "type": "function"} if call.id is not None else {}
    if style == "whole":
        arguments = json.decode(call.arguments) if draw(st.booleans()) else call.arguments
        index = {"index": draw(st.sampled_from((at, 0)))} if draw(st.booleans()) else {}
        return [{**index, **named, "function": {"name": call.name, "arguments": arguments}}]
    pieces = draw(chunkings(call.arguments))
    bodies: list[Chunk] = [{"arguments": piece} for piece in pieces]
    if style == "in sequence":
        return [
            {**named, "function": {"name": call.name, **bodies[0]}},
            *({"function": b} for b in bodies[1:]),
        ]
    return _identified(draw, call, style, place, named, bodies)


def _identified(
    draw: st.DrawFn, call: ModelCall, style: str, place: Chunk, named: Chunk, bodies: list[Chunk]
) -> list[Chunk]:
    everywhere = style == "by id" or draw(st.booleans())
    # `ha`, `ha` can be parts or a repetition; the parts of an unknown name cannot be recognised.
    if draw(st.booleans()) and call.name not in ("haha", "invented"):
        bodies = [{"name": part} for part in draw(chunkings(call.name)) if part] + bodies
    elif everywhere and draw(st.booleans()):
        bodies = [{"name": call.name, **body} for body in bodies]
    else:
        bodies.insert(draw(st.integers(0, len(bodies))), {"name": call.name})
    late = draw(st.integers(0, len(bodies)))
    entries = [{**place, **(named if everywhere else {}), "function": body} for body in bodies]
    return entries if everywhere else [*entries[:late], {**place, **named}, *entries[late:]]


def repeated(spoken: list[ModelCall]) -> list[Chunk]:
    """Build the entries that repeat the whole calls, as some servers do with the finish reason."""
    return [
        {
            "index": at,
            **({"id": call.id} if call.id else {}),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for at, call in enumerate(spoken)
    ]
