"""Messages of role `tool`: what the client's tools gave back, in other words (mode `tool-messages`).

They are what `function_call_output` is to OpenAI, with the parts that MCP clients have:
`{"role": "tool", "tool_call_id": ..., "content": [{"type": "output", "body": ...}]}`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from codexd.fronts.reading import Fields, missing, unsupported, wrong_type
from codexd.fronts.responses.items import kind
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import TextPart, ToolResult
from codexd.wire import json

_PLAIN: Final = re.compile(r"[a-z0-9_]{1,64}")
_OUTPUTS: Final = {"function": "function_call_output", "custom": "custom_tool_call_output"}


def is_tool_message(item: Fields) -> bool:
    """Tell whether an item is a message of role `tool`."""
    return kind(item) == "message" and item.raw("role") == "tool"


def read(item: Fields) -> ToolResult:
    """Read a tool message.

    Raises:
        Refused: `tool_output_empty` when it says nothing, `unsupported` for a part that is no text.
    """
    call_id = item.required_name("tool_call_id")
    texts = tuple(_texts(item))
    if not any(texts):
        raise Refused(fault("tool_output_empty", param=item.at("content")))
    return ToolResult(call_id, tuple(TextPart(text) for text in texts))


def as_item(result: ToolResult) -> dict[str, Any]:
    """Give the item that OpenAI has for what a tool message says; every part of it is text."""
    texts = [part.text for part in result.parts if isinstance(part, TextPart)]
    parts = [{"type": "input_text", "text": text} for text in texts]
    output = texts[0] if len(texts) == 1 else parts
    return {"type": _OUTPUTS[result.kind], "call_id": result.call_id, "output": output}


def _texts(item: Fields) -> Iterator[str]:
    content = item.raw("content")
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        yield from (_text(part) for part in item.objects("content"))
    elif content is not None:
        wrong_type(item.at("content"), "a string or an array of parts", content)


def _text(part: Fields) -> str:
    kind = part.required_text("type")
    read = _PARTS.get(kind)
    if read is None:
        what = f"no '{kind}'" if _PLAIN.fullmatch(kind) else "nothing else"
        unsupported(part.at("type"), f"A tool message can hold text and 'output' parts, but {what}.")
    return read(part)


def _output(part: Fields) -> str:
    """Read an MCP output: text is itself, any other value its JSON."""
    part.text("content_type")
    if "body" not in part.value:
        missing(part.at("body"))
    body = part.raw("body")
    return body if isinstance(body, str) else json.encode(body).decode()


def _written(part: Fields) -> str:
    return part.required_text("text")


_PARTS: Final[dict[str, Callable[[Fields], str]]] = {
    "output": _output,
    "output_text": _written,
    "input_text": _written,
    "text": _written,
}
