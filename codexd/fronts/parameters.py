"""Parsers of the parameters that the dialects share: tools, sampling, reasoning, output format.

Chat nests what Responses writes flat: `{"type": "function", "function": {"name": ...}}` against
`{"type": "function", "name": ...}`. Every parser accepts both, as Cursor sends flat tools to Chat.
"""

import re
from collections.abc import Callable, Collection
from typing import Final, Literal, cast

from codexd.fronts.json_fields import Fields, raise_wrong_type, raise_wrong_value
from codexd.neutral.turn import (
    JsonText,
    ReasoningOptions,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
)
from codexd.wire import json

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra")
SUMMARIES: Final = ("auto", "concise", "detailed", "none")
VERBOSITIES: Final = ("low", "medium", "high")

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


# Tools.


def parse_tool_name(fields: Fields, name: str = "name") -> str:
    """Parse a tool's name by OpenAI's rule: 1 to 64 letters, digits, `_` and `-`."""
    value = fields.required_text(name)
    if not _NAME.fullmatch(value):
        raise_wrong_value(fields.at(name), "expected 1 to 64 letters, digits, underscores or dashes")
    return value


def parse_json_text(fields: Fields, name: str) -> JsonText | None:
    """Return an object as JSON text, keys in their order, such as a JSON Schema or a search action."""
    return None if fields.object(name) is None else _text_of(fields.raw(name))


def _text_of(value: json.Json) -> JsonText:
    return json.encode(value).decode()


def parse_function_tool(tool: Fields, namespace: str | None = None) -> Tool:
    """Parse a function declaration: nested, flat, or an element of Chat's deprecated `functions`."""
    body = tool.object("function") or tool
    return Tool(
        name=parse_tool_name(body),
        description=body.text("description") or "",
        parameters=parse_json_text(body, "parameters") or "{}",
        strict=body.flag("strict", False) if body.has("strict") else None,
        namespace=namespace,
    )


def _custom(tool: Fields, namespace: str | None) -> Tool:
    body = tool.object("custom") or tool
    description = body.text("description") or ""
    return Tool(
        name=parse_tool_name(body), description=description, kind="custom", namespace=namespace, grammar=_grammar(body)
    )


def _grammar(body: Fields) -> JsonText | None:
    """Return a custom tool's `format` in Responses' flat form, whichever form it has; free text is None."""
    form = body.object("format")
    if form is None or form.required_choice("type", ("text", "grammar")) == "text":
        return None
    inner = form.object("grammar") or form
    syntax = inner.required_choice("syntax", ("lark", "regex"))
    definition = inner.required_text("definition")
    return json.encode({"type": "grammar", "syntax": syntax, "definition": definition}).decode()


_TOOLS: Final[dict[str, Callable[[Fields, str | None], Tool]]] = {
    "function": parse_function_tool,
    "custom": _custom,
}


def parse_tool(fields: Fields, namespace: str | None = None) -> Tool | None:
    """Parse one tool; return None for a type that is not the client's own (web_search, namespace ...)."""
    read = _TOOLS.get(fields.required_text("type"))
    return None if read is None else read(fields, namespace)


def parse_tool_choice(fields: Fields, declared: Collection[str], name: str = "tool_choice") -> ToolChoice:
    """Parse which tools may or must be called; only `declared` ones can be named or required."""
    value = fields.raw(name)
    if not isinstance(value, dict):
        mode = fields.choice(name, ("none", "auto", "required")) or "auto"
        if mode == "required" and not declared:
            raise_wrong_value(name, "'required' needs at least one tool")
        return ToolChoice(cast(Literal["none", "auto", "required"], mode))
    asked = fields.required_object(name)
    kind = asked.required_choice("type", ("function", "custom", "allowed_tools"))
    body = asked.object(kind) or asked
    if kind == "allowed_tools":
        return _allowed(body, declared)
    return ToolChoice("required", (parse_declared_name(body, declared),))


def _allowed(body: Fields, declared: Collection[str]) -> ToolChoice:
    """Parse `allowed_tools`; hosted tools are skipped, as in the tool list."""
    mode = cast(Literal["auto", "required"], body.required_choice("mode", ("auto", "required")))
    tools = body.objects("tools")
    own = [one for one in tools if one.required_text("type") in _TOOLS]
    declared = frozenset(declared)
    names = tuple(parse_declared_name(one.object(one.required_text("type")) or one, declared) for one in own)
    if not names:
        raise_wrong_value(body.at("tools"), "expected at least one declared function or custom tool")
    return ToolChoice(mode, tuple(dict.fromkeys(names)))


def parse_declared_name(body: Fields, declared: Collection[str]) -> str:
    """Parse the `name` of a tool that must be declared."""
    name = body.required_text("name")
    if name not in declared:
        raise_wrong_value(body.at("name"), "no tool of this name is in 'tools'")
    return name


# Parameters.


def parse_sampling(fields: Fields, *limits: str, logprobs: bool = False, min_tokens: int = 1) -> Sampling:
    """Parse the sampling parameters.

    Args:
        fields: the body.
        limits: the names that a token limit can have, in order of precedence.
        logprobs: whether log probabilities are requested, which each dialect spells differently.
        min_tokens: the smallest token limit that the dialect accepts.
    """
    found = [fields.integer(name, min_tokens, 2**53) for name in limits]
    return Sampling(
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        presence_penalty=fields.number("presence_penalty", -2, 2),
        frequency_penalty=fields.number("frequency_penalty", -2, 2),
        seed=fields.integer("seed", -(2**63), 2**63 - 1),
        max_tokens=next((limit for limit in found if limit is not None), None),
        stop=parse_stop(fields),
        logprobs=logprobs,
        top_logprobs=fields.integer("top_logprobs", 0, 20),
        logit_bias=parse_json_text(fields, "logit_bias"),
    )


def check_stream_options(fields: Fields, stream: bool) -> Fields | None:
    """Return `stream_options`, which only a streamed response has (OpenAI).

    Raises:
        FaultError: `wrong_value` if the response is not streamed.
    """
    options = fields.object("stream_options")
    if options is not None and not stream:
        raise_wrong_value("stream_options", "it is only allowed together with 'stream': true")
    return options


def parse_stop(fields: Fields) -> tuple[str, ...]:
    """Parse `stop`: a string, or up to 4 of them; none may be empty."""
    value = fields.raw("stop")
    texts = value if isinstance(value, list) else [] if value is None else [value]
    if len(texts) > 4:
        raise_wrong_value("stop", "expected at most 4 strings")
    for index, text in enumerate(texts):
        where = f"stop[{index}]" if texts is value else "stop"
        if not isinstance(text, str):
            raise_wrong_type(where, "a string", text)
        if not text:
            raise_wrong_value(where, "expected a string that is not empty")
    return tuple(texts)


def parse_thinking(fields: Fields) -> ReasoningOptions:
    """Parse Chat's `reasoning_effort` and Responses' `reasoning: {effort, summary}`."""
    effort = fields.choice("reasoning_effort", EFFORTS)
    asked = fields.object("reasoning")
    if asked is None:
        return ReasoningOptions(effort)
    summary = asked.choice("summary", SUMMARIES) or asked.choice("generate_summary", SUMMARIES)
    return ReasoningOptions(effort or asked.choice("effort", EFFORTS), summary)


def parse_format(fields: Fields, name: str) -> ResponseFormat:
    """Parse the output format: `response_format`, or the `format` of `text`."""
    asked = fields.object(name)
    if asked is None:
        return ResponseFormat()
    kind = asked.required_choice("type", ("text", "json_object", "json_schema"))
    if kind != "json_schema":
        return ResponseFormat(kind=cast(Literal["text", "json_object"], kind))
    body = asked.object("json_schema") or asked
    strict = body.flag("strict", False) if body.has("strict") else None
    label = parse_tool_name(body) if body.has("name") else None
    return ResponseFormat(
        kind="json_schema",
        schema=parse_json_text(body, "schema"),
        name=label,
        strict=strict,
        description=body.text("description"),
    )


def parse_metadata(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Parse `metadata`: at most 16 pairs, keys up to 64 and values up to 512 characters."""
    value = fields.raw("metadata")
    if fields.object("metadata") is None:
        return ()
    if len(value) > 16:
        raise_wrong_value("metadata", "expected at most 16 pairs")
    for key, text in value.items():
        if not isinstance(text, str):
            raise_wrong_type("metadata", "an object of strings", text)
        if len(key) > 64 or len(text) > 512:
            raise_wrong_value("metadata", "keys can have at most 64 and values at most 512 characters")
    return tuple(value.items())
