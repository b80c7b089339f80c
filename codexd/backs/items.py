"""Encodes the history as raw Responses items and the tools as dynamicTools for the app-server.

Every item is encoded as the item it is; nothing is flattened to text. What the child would drop silently is
either encoded in a form that it accepts (`system` as `developer`, a refusal as its text) or refused.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from codexd.backs.reserved_names import ChildNames
from codexd.neutral.compaction import summary_message
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import (
    AudioPart,
    Compaction,
    FilePart,
    ImagePart,
    Item,
    JsonText,
    Message,
    Part,
    Reasoning,
    RefusalPart,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    WebSearchCall,
)
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.provider_state import is_state

ROLES: Final = {"system": "developer", "developer": "developer", "user": "user", "assistant": "assistant"}

# The input of a custom tool is one text. The child supports only functions, so the text is sent as this
# argument.
INPUT_ARGUMENT: Final = "input"
CUSTOM_SCHEMA: Final = json.encode(
    {
        "type": "object",
        "properties": {
            INPUT_ARGUMENT: {
                "type": "string",
                "description": "The raw input, exactly as the tool expects it.",
            }
        },
        "required": [INPUT_ARGUMENT],
        "additionalProperties": False,
    }
)


def encode_items(items: tuple[Item, ...], names: ChildNames | None = None) -> tuple[Json, ...]:
    """Encode the items of a history for `thread/inject_items`; `names` are those of the request's tools.

    Raises:
        FaultError: `unsupported`, when the child has no form for a part (a binary file).
    """
    names = names or ChildNames()
    return tuple(raw for item in items if (raw := _ENCODERS[type(item)](item, names)) is not None)


def _encode_message(item: Message, names: ChildNames) -> Json:
    kind = "output_text" if item.role == "assistant" else "input_text"
    content = [_encode_part(part, kind) for part in item.parts]
    if not content:
        return None
    raw: dict[str, Json] = {"type": "message", "role": ROLES[item.role], "content": content}
    if item.phase is not None:
        raw["phase"] = item.phase
    return raw


def _encode_reasoning(item: Reasoning, names: ChildNames) -> Json:
    """Encode a provider's reasoning; omit a chat client's, which has neither id nor encrypted content.

    The state of a Chat server in it is not sent: no other provider can decrypt it.
    """
    encrypted = None if is_state(item.encrypted) else item.encrypted
    if item.id is None and encrypted is None:
        return None
    if not item.summary and not encrypted and not item.content:
        return None
    raw: dict[str, Json] = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in item.summary],
    }
    if item.content:
        raw["content"] = [{"type": "reasoning_text", "text": text} for text in item.content]
    if encrypted is not None:
        raw["encrypted_content"] = encrypted
    return raw


def _encode_call(item: ToolCall, names: ChildNames) -> Json:
    arguments = item.arguments
    if item.kind == "custom":
        arguments = wrap_custom_input(arguments)
    namespace, name = names.encode(item.namespace, item.name)
    raw: dict[str, Json] = {
        "type": "function_call",
        "call_id": item.call_id,
        "name": name,
        "arguments": arguments,
    }
    return raw if namespace is None else raw | {"namespace": namespace}


def _encode_result(item: ToolResult, names: ChildNames) -> Json:
    match item.parts:
        case ():
            output: Json = ""
        case (TextPart(text),):
            output = text
        case parts:
            output = [_encode_part(part, "input_text") for part in parts]
    return {"type": "function_call_output", "call_id": item.call_id, "output": output}


def _encode_search(item: WebSearchCall, names: ChildNames) -> Json:
    if not item.complete:
        return None
    raw: dict[str, Json] = {"type": "web_search_call", "status": "completed"}
    return raw if item.action is None else raw | {"action": json.fragment(item.action)}


def _encode_compaction(item: Compaction, names: ChildNames) -> Json:
    """Encode a summary as a message; what another server encrypted may be readable for Codex's provider."""
    if item.summary is not None:
        return _encode_message(summary_message(item.summary), names)
    return {"type": "compaction", "encrypted_content": item.encrypted}


_ENCODERS: Final[dict[type, Callable[[Any, ChildNames], Json]]] = {
    Message: _encode_message,
    Reasoning: _encode_reasoning,
    ToolCall: _encode_call,
    WebSearchCall: _encode_search,
    Compaction: _encode_compaction,
    ToolResult: _encode_result,
}


def _encode_part(part: Part, kind: str) -> Json:
    match part:
        case TextPart(text, annotations) if annotations and kind == "output_text":
            fragments = [json.fragment(annotation) for annotation in annotations]
            return {"type": kind, "text": text, "annotations": fragments}
        case TextPart(text) | RefusalPart(text):
            return {"type": kind, "text": text}
        case ImagePart(url, detail):
            return {"type": "input_image", "image_url": url} | ({"detail": detail} if detail else {})
        case AudioPart(data, format):
            return {"type": "input_audio", "audio_url": f"data:audio/{format};base64,{data}"}
        case FilePart():
            return {"type": kind, "text": render_file(part)}


def render_file(part: FilePart) -> str:
    """Render a text file as its name and content, for a protocol without files.

    Raises:
        FaultError: `unsupported` for a file that is not text or not inline, `wrong_value` for data that cannot
            be decoded.
    """
    head, _, body = part.data.partition(",")
    if not head.startswith(("data:text/", "data:application/json")):
        message = "This model supports only text files that are sent inline (file_data)."
        raise FaultError(fault("unsupported", message, param="input_file"))
    try:
        text = _decode_base64(body) if head.endswith(";base64") else unquote(body, errors="strict")
    except (binascii.Error, UnicodeDecodeError):
        raise FaultError(
            fault("wrong_value", "The file is not valid base64 or not UTF-8 text.", param="input_file")
        ) from None
    return f"File {part.filename}:\n{text}" if part.filename else text


def _decode_base64(body: str) -> str:
    return base64.b64decode(body, validate=True).decode()


def encode_result_content(result: ToolResult) -> list[Json]:
    """Encode the parts of a tool result for the reply to `item/tool/call`."""
    return [_encode_result_part(part) for part in result.parts]


def _encode_result_part(part: Part) -> Json:
    match part:
        case ImagePart(url):
            return {"type": "inputImage", "imageUrl": url}
        case AudioPart(data, format):
            return {"type": "inputAudio", "audioUrl": f"data:audio/{format};base64,{data}"}
        case FilePart():
            return {"type": "inputText", "text": render_file(part)}
        case TextPart(text) | RefusalPart(text):
            return {"type": "inputText", "text": text}


def encode_dynamic_tools(tools: tuple[Tool, ...]) -> tuple[Json, ...]:
    """Encode the client's tools for `thread/start`, with each namespace as a group."""
    names = ChildNames(tools)
    ungrouped: list[Json] = []
    groups: dict[str, list[Json]] = {}
    descriptions: dict[str, str] = {}
    for tool in tools:
        namespace, name = names.encode(tool.namespace, tool.name)
        group = ungrouped if namespace is None else groups.setdefault(namespace, [])
        group.append(_encode_tool(tool, name))
        descriptions.setdefault(namespace or "", tool.namespace_description or "The client's tools.")
    return (
        *ungrouped,
        *(
            {"type": "namespace", "name": name, "description": descriptions[name], "tools": group}
            for name, group in groups.items()
        ),
    )


def _encode_tool(tool: Tool, name: str) -> Json:
    description, schema = tool.description, json.fragment(tool.parameters)
    if tool.kind == "custom":
        description, schema = describe_custom_tool(tool), json.fragment(CUSTOM_SCHEMA)
    return {"type": "function", "name": name, "description": description, "inputSchema": schema}


def describe_custom_tool(tool: Tool) -> str:
    """Return the description of a custom tool that is sent as a function, with its grammar."""
    if tool.grammar is None:
        return tool.description
    return f"{tool.description}\n\nThe input must follow this format:\n{tool.grammar}".strip()


def wrap_custom_input(text: str) -> str:
    """Return function arguments (JSON) that hold the raw input of a custom tool."""
    return json.encode({INPUT_ARGUMENT: text}).decode()


def unwrap_custom_input(arguments: str) -> str:
    """Return the raw input of a custom tool from function arguments; others are returned unchanged."""
    try:
        decoded = json.decode(arguments)
    except json.JsonError:
        return arguments
    text = decoded.get(INPUT_ARGUMENT) if isinstance(decoded, dict) else None
    return text if isinstance(text, str) else arguments


# A ThreadItem and a raw item spell the actions of a web search differently.
SEARCH_ACTIONS: Final = {"search": "search", "openPage": "open_page", "findInPage": "find_in_page"}


def decode_search_action(value: Json) -> JsonText | None:
    """Decode the action of a web search to OpenAI's form; None if the child does not report it."""
    kind = SEARCH_ACTIONS.get(str(value.get("type"))) if isinstance(value, dict) else None
    if kind is None:
        return None
    members = {name: member for name, member in value.items() if member is not None}
    return json.encode(members | {"type": kind}).decode()
