"""Decoder of Chat Completions request bodies."""

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from codexd.fronts import json_fields, parameters, used_fields
from codexd.fronts.attachments import reject_attachments
from codexd.fronts.chat.decoded_request import DecodedChatRequest
from codexd.fronts.chat.history import parse_messages
from codexd.fronts.chat.objects import ChatOutputOptions
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.hosted_tools import HostedTools
from codexd.fronts.json_fields import Fields
from codexd.fronts.limits import DEFAULT_LIMITS, RequestLimits
from codexd.neutral.records import frozen
from codexd.neutral.turn import ReasoningOptions, Tool, ToolChoice, Turn, WebSearch
from codexd.wire import json, json_size, long_strings

MAX_CHOICES: Final = 8
"""The maximum `n`: every choice is a whole turn."""

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


def decode(body: bytes, options: RequestOptions) -> DecodedChatRequest:
    """Decode a request body; unknown fields are never rejected, only listed in `Turn.ignored`.

    Args:
        body: the JSON text, decompressed.
        options: whose request it is, and whether the response may contain `reasoning_content`.

    Raises:
        FaultError: with a fault of status 400 that names the field.
    """
    fields = json_fields.parse_body(body, options.limits)
    model = fields.required_name("model")
    reject_attachments(fields, "messages")
    tools = _parse_tools(fields, options.drop_hosted)
    parameters.parse_metadata(fields)
    turn = Turn(
        model=model,
        items=parse_messages(fields, {tool.name for tool in tools.tools if tool.kind == "custom"}),
        tools=tools.tools,
        tool_choice=tools.choice,
        parallel_tool_calls=fields.flag("parallel_tool_calls", True) and not tools.legacy,
        sampling=parameters.parse_sampling(
            fields, "max_completion_tokens", "max_tokens", logprobs=fields.flag("logprobs", False)
        ),
        reasoning=_parse_thinking(fields, options.show_reasoning),
        format=parameters.parse_format(fields, "response_format"),
        verbosity=fields.choice("verbosity", parameters.VERBOSITIES),
        service_tier=fields.text("service_tier"),
        principal=options.principal,
        ignored=(*fields.ignored(_KNOWN), *tools.ignored, *used_fields.find_unused(fields.value, used_fields.CHAT)),
        web_search=tools.web_search,
        extra=fields.rest(_KNOWN),
        calls_as_text=options.calls_as_text,
    )
    return DecodedChatRequest(
        turn=turn,
        choices=fields.integer("n", 1, MAX_CHOICES) or 1,
        stream=fields.flag("stream", False),
        output_options=ChatOutputOptions(
            include_usage=include_usage(fields),
            legacy_functions=tools.legacy,
            functions_only=tools.flat_customs,
            show_reasoning=options.show_reasoning,
            service_tier=_echoed_tier(turn),
        ),
    )


def is_responses_shaped(body: bytes, limits: RequestLimits = DEFAULT_LIMITS) -> bool:
    """Return whether this is a Responses body that was sent to the Chat endpoint, as Cursor does.

    It is cheap for all other bodies: it searches for the field's name before it decodes the body. A body with too
    many values is not decoded.
    """
    if b'"input"' not in body or json_size.has_more_values(body, limits.json_values):
        return False
    try:
        value = long_strings.decode(body)
    except json.JsonError:
        return False
    return isinstance(value, dict) and value.get("input") is not None and value.get("messages") is None


def adapt_responses_turn(body: bytes, turn: Turn, options: RequestOptions) -> DecodedChatRequest:
    """Wrap a turn that was decoded from a Responses body, to be answered in Chat's shape.

    Raises:
        FaultError: as `decode`, for `stream` and `stream_options`.
    """
    fields = json_fields.parse_body(body, options.limits)
    if turn.compaction is not None:  # Chat has no compaction items
        turn = evolve(turn, compaction=None, ignored=(*turn.ignored, "context_management"))
    output_options = ChatOutputOptions(
        include_usage=include_usage(fields),
        functions_only=True,
        show_reasoning=options.show_reasoning,
        service_tier=_echoed_tier(turn),
    )
    return DecodedChatRequest(turn=turn, stream=fields.flag("stream", False), output_options=output_options)


def include_usage(fields: Fields) -> bool:
    """Return whether a stream ends with a usage chunk (`stream_options.include_usage`).

    Raises:
        FaultError: for options of a response that is not streamed.
    """
    options = parameters.check_stream_options(fields, fields.flag("stream", False))
    return options is not None and options.flag("include_usage", False)


def _parse_thinking(fields: Fields, show_reasoning: bool) -> ReasoningOptions:
    """Parse the reasoning options; shown reasoning needs a summary, which Chat cannot request."""
    asked = parameters.parse_thinking(fields)
    return ReasoningOptions(asked.effort, "auto") if show_reasoning and asked.summary is None else asked


def _echoed_tier(turn: Turn) -> str | None:
    """Return the tier to echo, which is never `auto`: that leaves the choice to the provider."""
    return "default" if turn.service_tier == "auto" else turn.service_tier


@frozen(kw_only=True)
class _ChatTools:
    """The tools of a request.

    Attributes:
        legacy: they came only as the deprecated `functions`.
        flat_customs: a custom tool came in Responses' flat form, which only Cursor sends.
    """

    tools: tuple[Tool, ...]
    choice: ToolChoice
    web_search: WebSearch | None
    ignored: tuple[str, ...]
    legacy: bool
    flat_customs: bool


def _parse_tools(fields: Fields, drop_hosted: bool) -> _ChatTools:
    entries = fields.objects("tools")
    read = [(entry, parameters.parse_tool(entry)) for entry in entries]
    functions = [(entry, parameters.parse_function_tool(entry)) for entry in fields.objects("functions")]
    tools = _unique_tools([*read, *functions])
    hosted = HostedTools(drop_hosted)
    for entry, tool in read:
        if tool is None:
            hosted.add(entry)
    hosted.add_search_options(fields)
    legacy = bool(functions) and not entries
    choice = _parse_choice(fields, [tool.name for tool in tools], legacy, hosted)
    return _ChatTools(
        tools=tools,
        choice=choice,
        web_search=hosted.search,
        ignored=tuple(hosted.ignored[: json_fields.MAX_IGNORED]),
        legacy=legacy,
        flat_customs=any(tool.kind == "custom" and not entry.has("custom") for entry, tool in read if tool is not None),
    )


def _unique_tools(read: Iterable[tuple[Fields, Tool | None]]) -> tuple[Tool, ...]:
    """Return the client's own tools; no two may have the same name."""
    found: dict[str, Tool] = {}
    for entry, tool in read:
        if tool is not None and tool.name in found:
            json_fields.raise_wrong_value(entry.path, "another tool has the same name")
        if tool is not None:
            found[tool.name] = tool
    return tuple(found.values())


def _parse_choice(fields: Fields, declared: list[str], legacy: bool, hosted: HostedTools) -> ToolChoice:
    """Parse `tool_choice`, or `function_call` if the tools came as `functions`."""
    if not legacy:
        return hosted.parse_tool_choice(fields, declared)
    if not isinstance(fields.raw("function_call"), dict):
        return ToolChoice("none" if fields.choice("function_call", ("none", "auto")) == "none" else "auto")
    return ToolChoice("required", (parameters.parse_declared_name(fields.required_object("function_call"), declared),))
