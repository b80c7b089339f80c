"""Hypothesis strategies: exchanges that a Chat Completions request can express."""

from hypothesis import strategies as st

from codexd.fronts.chat import DecodedChatRequest
from codexd.fronts.chat.objects import ChatOutputOptions
from codexd.fronts.parameters import EFFORTS, SUMMARIES, VERBOSITIES
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Item,
    Message,
    Part,
    ReasoningOptions,
    RefusalPart,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from codexd.wire.json import encode
from tests.support.sentences import names, texts

urls = st.sampled_from(("https://example.org/a.png", "http://example.org", "data:image/png;base64,AA=="))
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, texts()),
    st.builds(ImagePart, urls, st.sampled_from((None, "low", "high", "auto", "original"))),
    st.builds(FilePart, st.just("data:application/pdf;base64,AA=="), st.none() | texts()),
    st.builds(AudioPart, texts(1), st.sampled_from(("wav", "mp3"))),
)
part_lists = st.lists(parts, max_size=3).map(tuple)
spoken_parts = st.lists(st.builds(TextPart, texts(1)) | st.builds(RefusalPart, texts()), min_size=1, max_size=2).map(
    tuple
)
schemas = st.dictionaries(texts(), st.integers(-9, 9) | texts() | st.lists(texts()), max_size=2).map(
    lambda value: encode(value).decode()
)
CUSTOM_PREFIX = "custom_"
"""The prefix of custom tools' names: a call is custom if its tool is."""


@st.composite
def rounds(draw: st.DrawFn) -> list[Item]:
    """Draw one round: a message, the assistant's answer and calls, and results of some calls.

    The next round uses the same call ids again, as some clients do.
    """
    speakers = st.builds(Message, role=st.sampled_from(("system", "developer", "user")), parts=part_lists)
    items: list[Item] = [draw(speakers)]
    items += draw(st.lists(st.builds(Message, role=st.just("assistant"), parts=spoken_parts), max_size=2))
    calls = [draw(tool_calls(f"call_{count}")) for count in range(draw(st.integers(0, 3)))]
    answered = draw(st.permutations(calls))[: draw(st.integers(0, len(calls)))]
    return [*items, *calls, *(ToolResult(call.call_id, draw(part_lists), call.kind) for call in answered)]


@st.composite
def tool_calls(draw: st.DrawFn, call_id: str) -> ToolCall:
    """Draw one call."""
    name, arguments = draw(names()), draw(texts())
    if draw(st.booleans()):
        return ToolCall(call_id=call_id, name=CUSTOM_PREFIX + name, arguments=arguments, kind="custom")
    return ToolCall(call_id=call_id, name=name, arguments=arguments)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Item, ...]:
    """Draw a whole history, never empty."""
    drawn = draw(st.lists(rounds(), min_size=1, max_size=3))
    return tuple(item for items in drawn for item in items)


@st.composite
def tools(draw: st.DrawFn) -> tuple[Tool, ...]:
    """Draw tools of both kinds with different names."""
    grammar = st.builds(
        lambda syntax, text: encode({"type": "grammar", "syntax": syntax, "definition": text}).decode(),
        st.sampled_from(("lark", "regex")),
        texts(),
    )
    functions = st.builds(Tool, name=names(), description=texts(), parameters=schemas, strict=st.none() | st.booleans())
    customs = st.builds(
        Tool,
        name=names().map(CUSTOM_PREFIX.__add__),
        description=texts(),
        kind=st.just("custom"),
        grammar=st.none() | grammar,
    )
    return tuple(draw(st.lists(functions | customs, max_size=3, unique_by=lambda tool: tool.name)))


@st.composite
def choices(draw: st.DrawFn, offered: tuple[Tool, ...]) -> ToolChoice:
    """Draw a tool choice that these tools allow."""
    if not offered:
        return ToolChoice(draw(st.sampled_from(("auto", "none"))))
    some = st.lists(st.sampled_from([tool.name for tool in offered]), unique=True, min_size=1).map(tuple)
    return draw(
        st.builds(ToolChoice, st.sampled_from(("auto", "none", "required")))
        | st.builds(ToolChoice, st.sampled_from(("auto", "required")), some)
    )


samplings = st.builds(
    Sampling,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    presence_penalty=st.none() | st.floats(-2, 2),
    frequency_penalty=st.none() | st.floats(-2, 2),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    max_tokens=st.none() | st.integers(1, 2**53),
    stop=st.lists(texts(1), max_size=4).map(tuple),
    logprobs=st.booleans(),
    top_logprobs=st.none() | st.integers(0, 20),
    logit_bias=st.none() | schemas,
)
formats = st.builds(ResponseFormat, kind=st.sampled_from(("text", "json_object"))) | st.builds(
    ResponseFormat,
    kind=st.just("json_schema"),
    schema=st.none() | schemas,
    name=st.none() | names(),
    strict=st.none() | st.booleans(),
    description=st.none() | texts(),
)
styles = st.builds(ChatOutputOptions, include_usage=st.booleans())


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """Draw a turn that Chat can express, without what only Responses has (ids, phases, namespaces)."""
    offered = draw(tools())
    return Turn(
        model=draw(texts(1)),
        items=draw(histories()),
        tools=offered,
        tool_choice=draw(choices(offered)),
        parallel_tool_calls=draw(st.booleans()),
        sampling=draw(samplings),
        # A Chat request always names the summary that it shows.
        reasoning=ReasoningOptions(draw(st.none() | st.sampled_from(EFFORTS)), draw(st.sampled_from(SUMMARIES))),
        format=draw(formats),
        verbosity=draw(st.none() | st.sampled_from(VERBOSITIES)),
        principal=draw(texts(1)),
    )


@st.composite
def exchanges(draw: st.DrawFn) -> DecodedChatRequest:
    """Draw a whole request."""
    stream = draw(st.booleans())
    # Only a stream can be asked for a usage chunk.
    options = draw(styles) if stream else ChatOutputOptions()
    return DecodedChatRequest(
        turn=draw(turns()), output_options=options, choices=draw(st.integers(1, 8)), stream=stream
    )
