"""The prompt's side: tools, calls and results in words, for a model that knows no tools."""

import re
from typing import Final

from attrs import evolve

from codexd.neutral.turn import Item, Message, Part, TextPart, Tool, ToolCall, ToolChoice, ToolResult, Turn
from codexd.tools.canon import INPUT, write
from codexd.tools.offer import spelled
from codexd.tools.schema import decoded, properties
from codexd.tools.values import escape
from codexd.tools.write import DELIMITER
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
_END: Final = re.compile(r"</(?:result|error|tool_result)\s*>")
_REQUIRED: Final = "You must answer by calling one of these tools and nothing else."


def describe(tools: tuple[Tool, ...], parallel: bool = True, required: bool = False) -> str:
    """Tell a model in words which tools there are and how to call them.

    Args:
        tools: what is offered; with none there is nothing to say.
        parallel: several calls may be made in one answer.
        required: one must be made.
    """
    if not tools:
        return ""
    form = write("tool_name", '{"parameter_1":"text","parameter_2":["an","array"]}')
    rules = _RULES.format(form=form, several=_SEVERAL if parallel else _ONE)
    return "\n\n".join([rules, *map(_described, tools), *([_REQUIRED] if required else [])])


def worded(turn: Turn) -> Turn:
    """Ask the same without tools: they are described, and calls and results of before are text.

    What was text before, blocks in it included, stays as it is; so does a turn without tools and calls.
    """
    tools = turn.offered
    words = describe(tools, turn.parallel_tool_calls, turn.tool_choice.mode == "required")
    instructions = "\n\n".join(part for part in (turn.instructions, words) if part) or turn.instructions
    choice = ToolChoice() if turn.tools else turn.tool_choice
    return evolve(turn, items=_items(turn), instructions=instructions, tools=(), tool_choice=choice)


def _described(tool: Tool) -> str:
    schema = decoded(tool.parameters)
    lines = [f"## {spelled(tool.name, tool.namespace)}", tool.description]
    if tool.kind == "custom":
        lines.append(f"- <{INPUT}> (required): the raw input, exactly as the tool takes it.")
        lines += [] if tool.grammar is None else [f"The input must follow this format: {tool.grammar}"]
    else:
        required = schema.get("required")
        needed = required if isinstance(required, list) else []
        lines += [_parameter(name, part, name in needed) for name, part in properties(schema).items()]
    return "\n".join(line for line in lines if line)


def _parameter(name: str, schema: Json, required: bool) -> str:
    """Describe one parameter: what a person would say of it, and then its schema, as far as that is more."""
    known = schema if isinstance(schema, dict) else {}
    rest = {key: value for key, value in known.items() if key != "description"}
    said = [f"- <{name}> ({'required' if required else 'optional'})"]
    if isinstance(description := known.get("description"), str):
        said.append(description)
    if rest:
        said.append(json.encode(rest).decode())
    return ": ".join(said)


def _items(turn: Turn) -> tuple[Item, ...]:
    """Put calls and results into messages; those that come one after another stand in one."""
    found: list[Item] = []
    names: dict[str, str] = {}
    tools = {(tool.namespace, tool.name): tool for tool in turn.tools}
    for before, item in zip((None, *turn.items), turn.items, strict=False):
        if isinstance(item, ToolCall):
            names[item.call_id] = spelled(item.name, item.namespace)
            text = _call(item, tools.get((item.namespace, item.name)))
            _add(found, Message("assistant", (TextPart(text),)), _by_assistant(before))
        elif isinstance(item, ToolResult):
            parts = _result(item, names.get(item.call_id, item.call_id))
            _add(found, Message("user", parts), isinstance(before, ToolResult))
        else:
            found.append(item)
    return tuple(found)


def _by_assistant(item: Item | None) -> bool:
    return isinstance(item, ToolCall) or (isinstance(item, Message) and item.role == "assistant")


def _add(found: list[Item], message: Message, joins: bool) -> None:
    """Add a message, or its parts to the last one."""
    if not joins:
        found.append(message)
        return
    last = found[-1]
    assert isinstance(last, Message)
    apart = (TextPart(DELIMITER),) if last.parts and not _breaks(last.parts[-1]) else ()
    found[-1] = evolve(last, parts=_joined((*last.parts, *apart, *message.parts)))


def _breaks(part: Part) -> bool:
    """Tell whether a part ends its line, so that what follows stands apart as it is."""
    return isinstance(part, TextPart) and part.text.endswith("\n")


def _call(call: ToolCall, tool: Tool | None) -> str:
    order = () if tool is None else tuple(properties(decoded(tool.parameters)))
    return write(spelled(call.name, call.namespace), call.arguments, call.kind, order)


def _result(result: ToolResult, name: str) -> tuple[Part, ...]:
    tag = "result" if result.success else "error"
    opening = TextPart(f"<tool_result>\n  <name>{escape(name)}</name>\n  <{tag}>")
    shown = map(_shown, _joined(result.parts))
    return _joined((opening, *shown, TextPart(f"</{tag}>\n</tool_result>")))


def _joined(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Make texts that follow one another one: such simple servers may take no parts, or put them on lines."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(last, TextPart) and isinstance(part, TextPart) and not part.annotations:
            found[-1] = evolve(last, text=last.text + part.text)
        else:
            found.append(part)
    return tuple(found)


def _shown(part: Part) -> Part:
    """Show a part of a result, in which nothing may look like its end."""
    if not isinstance(part, TextPart):
        return part
    return TextPart(_END.sub(lambda end: escape(end[0]), part.text))
