"""A Chat Completions request body to an exchange."""

from collections.abc import Iterable
from typing import Final

from attrs import evolve, frozen

from codexd.fronts import reading, vocabulary
from codexd.fronts.chat.answer import Style
from codexd.fronts.chat.exchange import ChatExchange
from codexd.fronts.chat.history import history
from codexd.fronts.exchange import Terms
from codexd.fronts.hosted import Hosted
from codexd.fronts.reading import Fields
from codexd.neutral.turn import Thinking, Tool, ToolChoice, Turn, WebSearch
from codexd.wire import json

MAX_CHOICES: Final = 8
"""The largest `n`: every choice is a whole turn."""

_KNOWN: Final = frozenset(
    (
        "model",
        "messages",
        "n",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "web_search_options",
        "functions",
        "function_call",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "stop",
        "max_completion_tokens",
        "max_tokens",
        "reasoning_effort",
        "reasoning",
        "response_format",
        "verbosity",
        "service_tier",
    )
)


def decode(body: bytes, terms: Terms) -> ChatExchange:
    """Read a request body; unknown fields are never refused, only named in `Turn.ignored`.

    Args:
        body: the JSON text, decompressed.
        terms: on whose behalf, and whether the answer may hold `reasoning_content`.

    Raises:
        Refused: with a fault of status 400 that names the field.
    """
    fields = reading.body(body)
    model = fields.required_name("model")
    offer = _offer(fields, terms.drop_hosted)
    vocabulary.metadata(fields)
    turn = Turn(
        model=model,
        items=history(fields, {tool.name for tool in offer.tools if tool.kind == "custom"}),
        tools=offer.tools,
        tool_choice=offer.choice,
        parallel_tool_calls=fields.flag("parallel_tool_calls", True) and not offer.legacy,
        sampling=vocabulary.sampling(
            fields, "max_completion_tokens", "max_tokens", logprobs=fields.flag("logprobs", False)
        ),
        thinking=_thinking(fields, terms.show_reasoning),
        format=vocabulary.answer_format(fields, "response_format"),
        verbosity=fields.choice("verbosity", vocabulary.VERBOSITIES),
        service_tier=fields.text("service_tier"),
        principal=terms.principal,
        ignored=fields.ignored(_KNOWN) + offer.ignored,
        web_search=offer.web_search,
        extra=fields.rest(_KNOWN),
        calls_as_text=terms.calls_as_text,
    )
    return ChatExchange(
        turn,
        choices=fields.integer("n", 1, MAX_CHOICES) or 1,
        stream=fields.flag("stream", False),
        style=Style(
            include_usage=include_usage(fields),
            legacy_functions=offer.legacy,
            functions_only=offer.flat_customs,
            show_reasoning=terms.show_reasoning,
            service_tier=_echoed_tier(turn),
        ),
    )


def is_responses_shaped(body: bytes) -> bool:
    """Tell whether this is a Responses body that was sent to the Chat door, as Cursor does.

    Cheap for all others: the field's name is looked for before the body is read.
    """
    if b'"input"' not in body:
        return False
    try:
        value = json.decode(body)
    except json.Malformed:
        return False
    return isinstance(value, dict) and value.get("input") is not None and value.get("messages") is None


def adopt(body: bytes, turn: Turn, show_reasoning: bool) -> ChatExchange:
    """Answer in Chat's shape a turn that was decoded from a Responses body.

    Raises:
        Refused: as `decode`, for `stream` and `stream_options`.
    """
    fields = reading.body(body)
    style = Style(
        include_usage=include_usage(fields),
        functions_only=True,
        show_reasoning=show_reasoning,
        service_tier=_echoed_tier(turn),
    )
    return ChatExchange(turn, stream=fields.flag("stream", False), style=style)


def include_usage(fields: Fields) -> bool:
    """Tell whether a stream is to end with a usage chunk (`stream_options.include_usage`)."""
    options = fields.object("stream_options")
    return options is not None and options.flag("include_usage", False)


def _thinking(fields: Fields, show_reasoning: bool) -> Thinking:
    """Chat has no field that asks for a summary: whoever is to be shown one, asks."""
    asked = vocabulary.thinking(fields)
    return evolve(asked, summary="auto") if show_reasoning and asked.summary is None else asked


def _echoed_tier(turn: Turn) -> str | None:
    """Give the tier for the answer, which never says `auto`: that leaves the choice to the provider."""
    return "default" if turn.service_tier == "auto" else turn.service_tier


@frozen
class _Offer:
    """The tools of a request.

    Attributes:
        legacy: they came as the deprecated `functions` alone.
        flat_customs: a custom tool came in Responses' flat form: this is Cursor.
    """

    tools: tuple[Tool, ...]
    choice: ToolChoice
    web_search: WebSearch | None
    ignored: tuple[str, ...]
    legacy: bool
    flat_customs: bool


def _offer(fields: Fields, drop_hosted: bool) -> _Offer:
    entries = fields.objects("tools")
    read = [(entry, vocabulary.tool(entry)) for entry in entries]
    functions = [(entry, vocabulary.function_tool(entry)) for entry in fields.objects("functions")]
    tools = _distinct([*read, *functions])
    hosted = Hosted(drop_hosted)
    for entry, tool in read:
        if tool is None:
            hosted.take(entry)
    hosted.options(fields)
    legacy = bool(functions) and not entries
    choice = _choice(fields, [tool.name for tool in tools], legacy, hosted)
    return _Offer(
        tools,
        choice,
        hosted.search,
        tuple(hosted.ignored[: reading.MAX_IGNORED]),
        legacy,
        any(tool.kind == "custom" and not entry.has("custom") for entry, tool in read if tool is not None),
    )


def _distinct(read: Iterable[tuple[Fields, Tool | None]]) -> tuple[Tool, ...]:
    """Keep the tools that are the client's own; no two may have one name."""
    found: dict[str, Tool] = {}
    for entry, tool in read:
        if tool is not None and tool.name in found:
            reading.wrong_value(entry.path, "another tool has the same name")
        if tool is not None:
            found[tool.name] = tool
    return tuple(found.values())


def _choice(fields: Fields, declared: list[str], legacy: bool, hosted: Hosted) -> ToolChoice:
    """Read `tool_choice`, or `function_call` where the tools came as `functions`."""
    if not legacy:
        return hosted.choice(fields, declared)
    if not isinstance(fields.raw("function_call"), dict):
        return ToolChoice("none" if fields.choice("function_call", ("none", "auto")) == "none" else "auto")
    return ToolChoice("required", (vocabulary.named(fields.required_object("function_call"), declared),))
