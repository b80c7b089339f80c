"""What both dialects say alike: tools, sampling, thinking, the shape of the answer. Content is in content.py.

Chat nests what Responses writes flat: `{"type": "function", "function": {"name": ...}}` against
`{"type": "function", "name": ...}`. Every reader takes both, as Cursor sends flat tools to the Chat door.
"""

import re
from collections.abc import Callable, Collection
from typing import Final, Literal, cast

from codexd.fronts.reading import Fields, wrong_type, wrong_value
from codexd.neutral.turn import (
    Format,
    JsonText,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
)
from codexd.wire import json

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra")
SUMMARIES: Final = ("auto", "concise", "detailed", "none")
VERBOSITIES: Final = ("low", "medium", "high")

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


# Tools.


def tool_name(fields: Fields, name: str = "name") -> str:
    """Read a tool's name by OpenAI's rule: 1 to 64 letters, digits, `_` and `-`."""
    value = fields.required_text(name)
    if not _NAME.fullmatch(value):
        wrong_value(fields.at(name), "expected 1 to 64 letters, digits, underscores or dashes")
    return value


def json_text(fields: Fields, name: str) -> JsonText | None:
    """Take an object as text, its keys in their order: a JSON Schema, what a search did."""
    return None if fields.object(name) is None else _text_of(fields.raw(name))


def _text_of(value: json.Json) -> JsonText:
    return json.encode(value).decode()


def function_tool(tool: Fields, namespace: str | None = None) -> Tool:
    """Read a function's declaration: nested, flat, or an element of Chat's deprecated `functions`."""
    body = tool.object("function") or tool
    return Tool(
        tool_name(body),
        body.text("description") or "",
        json_text(body, "parameters") or "{}",
        body.flag("strict", False) if body.has("strict") else None,
        namespace=namespace,
    )


def _custom(tool: Fields, namespace: str | None) -> Tool:
    body = tool.object("custom") or tool
    description = body.text("description") or ""
    return Tool(tool_name(body), description, kind="custom", namespace=namespace, grammar=_grammar(body))


def _grammar(body: Fields) -> JsonText | None:
    """Take a custom tool's `format` in Responses' flat form, whichever came; free text is None."""
    form = body.object("format")
    if form is None or form.required_choice("type", ("text", "grammar")) == "text":
        return None
    inner = form.object("grammar") or form
    syntax = inner.required_choice("syntax", ("lark", "regex"))
    definition = inner.required_text("definition")
    return json.encode({"type": "grammar", "syntax": syntax, "definition": definition}).decode()


_TOOLS: Final[dict[str, Callable[[Fields, str | None], Tool]]] = {
    "function": function_tool,
    "custom": _custom,
}


def tool(fields: Fields, namespace: str | None = None) -> Tool | None:
    """Read one tool; None for a type that is not the client's own (web_search, namespace ...)."""
    read = _TOOLS.get(fields.required_text("type"))
    return None if read is None else read(fields, namespace)


def tool_choice(fields: Fields, declared: Collection[str], name: str = "tool_choice") -> ToolChoice:
    """Read which tools may or must be called; only `declared` ones can be named or required."""
    value = fields.raw(name)
    if not isinstance(value, dict):
        mode = fields.choice(name, ("none", "auto", "required")) or "auto"
        if mode == "required" and not declared:
            wrong_value(name, "'required' needs at least one tool")
        return ToolChoice(cast(Literal["none", "auto", "required"], mode))
    asked = fields.required_object(name)
    kind = asked.required_choice("type", ("function", "custom", "allowed_tools"))
    body = asked.object(kind) or asked
    if kind == "allowed_tools":
        return _allowed(body, declared)
    return ToolChoice("required", (named(body, declared),))


def _allowed(body: Fields, declared: Collection[str]) -> ToolChoice:
    """Read `allowed_tools`; tools that are not the client's own are passed over, as in the tool list."""
    mode = cast(Literal["auto", "required"], body.required_choice("mode", ("auto", "required")))
    tools = body.objects("tools")
    own = [one for one in tools if one.required_text("type") in _TOOLS]
    names = tuple(named(one.object(one.required_text("type")) or one, declared) for one in own)
    if not names:
        wrong_value(body.at("tools"), "expected at least one declared function or custom tool")
    return ToolChoice(mode, tuple(dict.fromkeys(names)))


def named(body: Fields, declared: Collection[str]) -> str:
    """Read the `name` of a tool that must be declared."""
    name = body.required_text("name")
    if name not in declared:
        wrong_value(body.at("name"), "no tool of this name is in 'tools'")
    return name


# Parameters.


def sampling(fields: Fields, *limits: str, logprobs: bool = False) -> Sampling:
    """Read the parameters of the draw.

    Args:
        fields: the body.
        limits: the names a token limit may have, first one first.
        logprobs: whether log probabilities are asked for, which each dialect says in its own way.
    """
    found = [fields.integer(name, 1, 2**53) for name in limits]
    return Sampling(
        fields.number("temperature", 0, 2),
        fields.number("top_p", 0, 1),
        fields.number("presence_penalty", -2, 2),
        fields.number("frequency_penalty", -2, 2),
        fields.integer("seed", -(2**63), 2**63 - 1),
        next((limit for limit in found if limit is not None), None),
        stop(fields),
        logprobs,
        fields.integer("top_logprobs", 0, 20),
        json_text(fields, "logit_bias"),
    )


def stop(fields: Fields) -> tuple[str, ...]:
    """Read `stop`: a string, or up to 4 of them; none may be empty."""
    value = fields.raw("stop")
    texts = value if isinstance(value, list) else [] if value is None else [value]
    if len(texts) > 4:
        wrong_value("stop", "expected at most 4 strings")
    for index, text in enumerate(texts):
        where = f"stop[{index}]" if texts is value else "stop"
        if not isinstance(text, str):
            wrong_type(where, "a string", text)
        if not text:
            wrong_value(where, "expected a string that is not empty")
    return tuple(texts)


def thinking(fields: Fields) -> Thinking:
    """Read Chat's `reasoning_effort` and Responses' `reasoning: {effort, summary}`."""
    effort = fields.choice("reasoning_effort", EFFORTS)
    asked = fields.object("reasoning")
    if asked is None:
        return Thinking(effort)
    summary = asked.choice("summary", SUMMARIES) or asked.choice("generate_summary", SUMMARIES)
    return Thinking(effort or asked.choice("effort", EFFORTS), summary)


def answer_format(fields: Fields, name: str) -> Format:
    """Read the shape of the answer: `response_format`, or the `format` of `text`."""
    asked = fields.object(name)
    if asked is None:
        return Format()
    kind = asked.required_choice("type", ("text", "json_object", "json_schema"))
    if kind != "json_schema":
        return Format(cast(Literal["text", "json_object"], kind))
    body = asked.object("json_schema") or asked
    strict = body.flag("strict", False) if body.has("strict") else None
    label = tool_name(body) if body.has("name") else None
    return Format("json_schema", json_text(body, "schema"), label, strict, body.text("description"))


def metadata(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Read `metadata`: at most 16 pairs, keys up to 64 and values up to 512 characters."""
    value = fields.raw("metadata")
    if fields.object("metadata") is None:
        return ()
    if len(value) > 16:
        wrong_value("metadata", "expected at most 16 pairs")
    for key, text in value.items():
        if not isinstance(text, str):
            wrong_type("metadata", "an object of strings", text)
        if len(key) > 64 or len(text) > 512:
            wrong_value("metadata", "keys hold at most 64 and values at most 512 characters")
    return tuple(value.items())
