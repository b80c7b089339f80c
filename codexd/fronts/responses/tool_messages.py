"""Parser of messages of role `tool`, the results of client tools (compatibility mode `tool-messages`).

They correspond to OpenAI's `function_call_output`, with the parts of MCP clients:
`{"role": "tool", "tool_call_id": ..., "content": [{"type": "output", "body": ...}]}`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from codexd.fronts.json_fields import Fields, raise_missing, raise_unsupported, raise_wrong_type
from codexd.fronts.responses.items import item_type
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import CallKind, TextPart, ToolResult
from codexd.wire import json

_PLAIN: Final = re.compile(r"[a-z0-9_]{1,64}")
_OUTPUTS: Final[dict[CallKind, str]] = {
    "function": "function_call_output",
    "custom": "custom_tool_call_output",
    "tool_search": "function_call_output",
}


def is_tool_message(item: Fields) -> bool:
    """Return whether an item is a message of role `tool`."""
    return item_type(item) == "message" and item.raw("role") == "tool"


def parse_tool_message(item: Fields) -> ToolResult:
    """Parse a tool message.

    Raises:
        FaultError: `tool_output_empty` when it is empty, `unsupported` for a part that is not text.
    """
    call_id = item.required_name("tool_call_id")
    texts = tuple(_texts(item))
    if not any(texts):
        raise FaultError(fault("tool_output_empty", param=item.at("content")))
    return ToolResult(call_id, tuple(TextPart(text) for text in texts))


def build_output_item(result: ToolResult) -> dict[str, Any]:
    """Build the OpenAI item of a tool message, whose parts are all text."""
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
        raise_wrong_type(item.at("content"), "a string or an array of parts", content)


def _text(part: Fields) -> str:
    kind = part.required_text("type")
    read = _PARTS.get(kind)
    if read is None:
        other = f", not '{kind}'" if _PLAIN.fullmatch(kind) else ""
        raise_unsupported(part.at("type"), f"A tool message can only contain text and 'output' parts{other}.")
    return read(part)


def _output(part: Fields) -> str:
    """Parse an MCP output: text is taken as it is, any other value as its JSON."""
    part.text("content_type")
    if "body" not in part.value:
        raise_missing(part.at("body"))
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
