"""Describes tools, calls and results as text in the prompt, for a model without tool support."""

import re
from typing import Final

from attrs import evolve

from codexd.neutral.text import merge_adjacent_texts
from codexd.neutral.turn import Item, Message, Part, TextPart, Tool, ToolCall, ToolChoice, ToolResult, Turn
from codexd.tools.block_format import CUSTOM_INPUT, format_call
from codexd.tools.block_writer import DELIMITER
from codexd.tools.offered_tools import qualified_name
from codexd.tools.schema import decode_schema, get_properties
from codexd.tools.values import escape
from codexd.wire import json
from codexd.wire.json import Json

_RULES: Final = """\
# Tools

You can call tools. To call one, write a block of exactly this form, with a tag for each parameter:

{form}

Rules:
- Write the block itself, not in a code fence, and call only the tools named below.
- Text stands in its tag as it is, with &amp; for & and &lt; for <. Numbers, true, false, null, arrays and \
objects are written as JSON.
- Leave out optional parameters that you do not need.
- {several}
- After the last block stop and wait: the results come in the next message, as <tool_result> blocks."""

_SEVERAL: Final = "Several blocks one after another are several calls; make them so if they are independent."
_ONE: Final = "Make at most one call in an answer."
_RESULT_END: Final = re.compile(r"</(?:result|error|tool_result)\s*>")
_REQUIRED: Final = "You must answer by calling one of these tools and nothing else."


def describe_tools(tools: tuple[Tool, ...], parallel: bool = True, required: bool = False) -> str:
    """Return a description of the tools and of how to call them; empty without tools.

    Args:
        tools: the tools.
        parallel: allow several calls in one response.
        required: require a call.
    """
    if not tools:
        return ""
    form = format_call("tool_name", '{"parameter_1":"text","parameter_2":["an","array"]}')
    rules = _RULES.format(form=form, several=_SEVERAL if parallel else _ONE)
    return "\n\n".join([rules, *map(_describe_tool, tools), *([_REQUIRED] if required else [])])


def convert_tools_to_text(turn: Turn) -> Turn:
    """Return the same request without tools: the instructions describe them, calls and results become text.

    Text of messages, blocks in it included, does not change. A turn without tools and calls does not change.
    """
    tools = turn.visible_tools
    description = describe_tools(tools, turn.parallel_tool_calls, turn.tool_choice.mode == "required")
    instructions = "\n\n".join(part for part in (turn.instructions, description) if part) or turn.instructions
    choice = ToolChoice() if turn.tools else turn.tool_choice
    return evolve(turn, items=_convert_items(turn), instructions=instructions, tools=(), tool_choice=choice)


def _describe_tool(tool: Tool) -> str:
    schema = decode_schema(tool.parameters)
    lines = [f"## {qualified_name(tool.name, tool.namespace)}", tool.description]
    if tool.kind == "custom":
        lines.append(f"- <{CUSTOM_INPUT}> (required): the raw input, exactly as the tool takes it.")
        lines += [] if tool.grammar is None else [f"The input must follow this format: {tool.grammar}"]
    else:
        required = schema.get("required")
        required_names = required if isinstance(required, list) else []
        lines += [
            _describe_parameter(name, parameter, name in required_names)
            for name, parameter in get_properties(schema).items()
        ]
    return "\n".join(line for line in lines if line)


def _describe_parameter(name: str, schema: Json, required: bool) -> str:
    """Describe a parameter: its description, then the rest of its schema, if there is any."""
    members = schema if isinstance(schema, dict) else {}
    rest = {key: value for key, value in members.items() if key != "description"}
    parts = [f"- <{name}> ({'required' if required else 'optional'})"]
    if isinstance(description := members.get("description"), str):
        parts.append(description)
    if rest:
        parts.append(json.encode(rest).decode())
    return ": ".join(parts)


def _convert_items(turn: Turn) -> tuple[Item, ...]:
    """Convert calls and results to messages; consecutive ones share a message."""
    converted: list[Item] = []
    names: dict[str, str] = {}
    tools = {(tool.namespace, tool.name): tool for tool in turn.tools}
    for before, item in zip((None, *turn.items), turn.items, strict=False):
        if isinstance(item, ToolCall):
            names[item.call_id] = qualified_name(item.name, item.namespace)
            text = _format_call(item, tools.get((item.namespace, item.name)))
            _add_message(converted, Message(role="assistant", parts=(TextPart(text),)), _is_by_assistant(before))
        elif isinstance(item, ToolResult):
            parts = _format_result(item, names.get(item.call_id, item.call_id))
            _add_message(converted, Message(role="user", parts=parts), isinstance(before, ToolResult))
        else:
            converted.append(item)
    return tuple(converted)


def _is_by_assistant(item: Item | None) -> bool:
    return isinstance(item, ToolCall) or (isinstance(item, Message) and item.role == "assistant")


def _add_message(items: list[Item], message: Message, join: bool) -> None:
    """Add a message, or add its text to the last message: a simple server may put each part on a line of its own."""
    if not join:
        items.append(message)
        return
    last = items[-1]
    assert isinstance(last, Message)
    delimiter = (TextPart(DELIMITER),) if last.parts and not _ends_line(last.parts[-1]) else ()
    items[-1] = evolve(last, parts=_concatenate((*merge_adjacent_texts(last.parts), *delimiter, *message.parts)))


def _ends_line(part: Part) -> bool:
    """Return whether a part ends with a line break, so that no delimiter is needed after it."""
    return isinstance(part, TextPart) and part.text.endswith("\n")


def _format_call(call: ToolCall, tool: Tool | None) -> str:
    order = () if tool is None else tuple(get_properties(decode_schema(tool.parameters)))
    return format_call(qualified_name(call.name, call.namespace), call.arguments, call.kind, order)


def _format_result(result: ToolResult, name: str) -> tuple[Part, ...]:
    tag = "result" if result.success else "error"
    opening = TextPart(f"<tool_result>\n  <name>{escape(name)}</name>\n  <{tag}>")
    content = map(_escape_result, merge_adjacent_texts(result.parts))
    return _concatenate((opening, *content, TextPart(f"</{tag}>\n</tool_result>")))


def _concatenate(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Concatenate the pieces of one text: consecutive text parts, with nothing between them."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(last, TextPart) and isinstance(part, TextPart) and not part.annotations:
            merged[-1] = evolve(last, text=last.text + part.text)
        else:
            merged.append(part)
    return tuple(merged)


def _escape_result(part: Part) -> Part:
    """Escape whatever looks like the end of the result in a part of it."""
    if not isinstance(part, TextPart):
        return part
    return TextPart(_RESULT_END.sub(lambda end: escape(end[0]), part.text))
