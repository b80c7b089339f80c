"""Hypothesis strategies: Turns that a Responses request can express."""

from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from codexd.fronts.parameters import EFFORTS, SUMMARIES, VERBOSITIES
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    Reasoning,
    ReasoningOptions,
    RefusalPart,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    WebSearchCall,
)
from codexd.wire.json import encode
from tests.support.chat_turns import choices
from tests.support.sentences import annotations, tokens

texts = st.text(max_size=20)
ids = st.text("abcdefghij_0123456789", min_size=1, max_size=12)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)
schemas = st.dictionaries(ids, st.recursive(st.none() | st.booleans() | texts, st.lists), max_size=3).map(
    lambda value: encode(value).decode()
)
grammars = st.builds(
    lambda syntax, definition: encode({"type": "grammar", "syntax": syntax, "definition": definition}).decode(),
    st.sampled_from(("lark", "regex")),
    texts,
)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, texts),
    st.builds(TextPart, texts, st.lists(annotations(), max_size=2).map(tuple), st.none() | tokens()),
    st.builds(RefusalPart, texts),
    st.builds(
        ImagePart,
        ids.map(lambda name: "https://example.org/" + name),
        st.sampled_from((None, "low", "high", "auto", "original")),
    ),
    st.builds(FilePart, ids.map(lambda data: "data:text/plain;base64," + data), st.none() | ids),
    st.builds(AudioPart, ids, st.sampled_from(("wav", "mp3"))),
)
part_lists = st.lists(parts, max_size=3).map(tuple)
messages = st.builds(
    Message,
    role=st.sampled_from(("system", "developer", "user", "assistant")),
    parts=part_lists,
    phase=st.sampled_from((None, "commentary", "final_answer")),
    id=st.none() | ids,
    complete=st.booleans(),
)
thoughts = st.builds(
    Reasoning,
    summary=st.lists(texts, max_size=2).map(tuple),
    content=st.lists(texts, max_size=2).map(tuple),
    encrypted=st.none() | texts,
    id=st.none() | ids,
    complete=st.booleans(),
)
searches = st.builds(WebSearchCall, st.none() | ids, st.none() | schemas, st.booleans())
kinds = st.sampled_from(("function", "custom"))
calls = st.builds(
    ToolCall,
    call_id=ids,
    name=names,
    arguments=texts,
    kind=kinds,
    namespace=st.none() | names,
    id=st.none() | ids,
    complete=st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Any, ...]:
    """Draw items in any order, each result somewhere after its call."""
    items: list[Any] = draw(st.lists(st.one_of(messages, thoughts, calls, searches), max_size=6))
    for call in [item for item in items if isinstance(item, ToolCall)]:
        if draw(st.booleans()):
            after = draw(st.integers(items.index(call) + 1, len(items)))
            items.insert(after, ToolResult(call.call_id, draw(part_lists), call.kind))
    return tuple(items)


@st.composite
def tool_lists(draw: st.DrawFn) -> tuple[Tool, ...]:
    """Draw tools of both kinds with different names, some in namespaces."""
    tools: list[Tool] = []
    for name in draw(st.lists(names, max_size=4, unique=True)):
        if draw(st.booleans()):
            strict = draw(st.none() | st.booleans())
            tools.append(Tool(name=name, description=draw(texts), parameters=draw(schemas), strict=strict))
        else:
            tools.append(Tool(name=name, description=draw(texts), kind="custom", grammar=draw(st.none() | grammars)))
    if tools and draw(st.booleans()):
        described, split = draw(texts), draw(st.integers(0, len(tools)))
        spaced = [evolve(tool, namespace="space", namespace_description=described) for tool in tools[split:]]
        tools[split:] = spaced
    return tuple(tools)


formats = st.builds(ResponseFormat, kind=st.sampled_from(("text", "json_object"))) | st.builds(
    ResponseFormat,
    kind=st.just("json_schema"),
    schema=schemas,
    name=names,
    strict=st.none() | st.booleans(),
    description=st.none() | texts,
)


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """Draw a Turn that a Responses request can express."""
    tools = draw(tool_lists())
    numbers = st.none() | st.floats(0, 1)
    return Turn(
        model=draw(names),
        items=draw(histories()),
        instructions=draw(st.none() | texts),
        tools=tools,
        tool_choice=draw(choices(tools)),
        parallel_tool_calls=draw(st.booleans()),
        sampling=Sampling(
            temperature=draw(numbers),
            top_p=draw(numbers),
            max_tokens=draw(st.none() | st.integers(1, 10**6)),
            logprobs=draw(st.booleans()),
            top_logprobs=draw(st.none() | st.integers(0, 20)),
        ),
        reasoning=ReasoningOptions(
            draw(st.none() | st.sampled_from(EFFORTS)),
            draw(st.none() | st.sampled_from(SUMMARIES)),
        ),
        format=draw(formats),
        verbosity=draw(st.none() | st.sampled_from(VERBOSITIES)),
        service_tier=draw(st.none() | st.sampled_from(("auto", "default", "flex", "priority"))),
        truncation=draw(st.sampled_from(("disabled", "auto"))),
    )
