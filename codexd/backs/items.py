"""The history and the tools as the app-server takes them: raw Responses items, dynamicTools.

Nothing is flattened: every item goes in as what it is. What the child would drop without a word is either
given in a form it keeps (`system` as `developer`, a refusal as the text it was) or refused.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from codexd.backs.naming import placed
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Item,
    JsonText,
    Message,
    Part,
    Reasoning,
    RefusalPart,
    Search,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
)
from codexd.wire import json
from codexd.wire.json import Json

ROLES: Final = {"system": "developer", "developer": "developer", "user": "user", "assistant": "assistant"}

# A custom tool's input is one text; the child only knows functions, so it travels as this one argument.
INPUT: Final = "input"
CUSTOM_SCHEMA: Final = json.encode(
    {
        "type": "object",
        "properties": {
            INPUT: {"type": "string", "description": "The raw input, exactly as the tool takes it."}
        },
        "required": [INPUT],
        "additionalProperties": False,
    }
)


def raw_items(items: tuple[Item, ...]) -> tuple[Json, ...]:
    """Give the items of a history as `thread/inject_items` takes them.

    Raises:
        Refused: `unsupported`, when the model cannot be shown a part (a binary file).
    """
    return tuple(raw for item in items if (raw := _RAW[type(item)](item)) is not None)


def _message(item: Message) -> Json:
    kind = "output_text" if item.role == "assistant" else "input_text"
    content = [_part(part, kind) for part in item.parts]
    if not content:
        return None
    raw: dict[str, Json] = {"type": "message", "role": ROLES[item.role], "content": content}
    if item.phase is not None:
        raw["phase"] = item.phase
    return raw


def _reasoning(item: Reasoning) -> Json:
    """Give a thought of the provider's own: words without its id or seal are what a chat client repeats."""
    if item.id is None and item.encrypted is None:
        return None
    if not item.summary and not item.encrypted and not item.content:
        return None
    raw: dict[str, Json] = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in item.summary],
    }
    if item.content:
        raw["content"] = [{"type": "reasoning_text", "text": text} for text in item.content]
    if item.encrypted is not None:
        raw["encrypted_content"] = item.encrypted
    return raw


def _call(item: ToolCall) -> Json:
    arguments = item.arguments
    if item.kind == "custom":
        arguments = custom_arguments(arguments)
    raw: dict[str, Json] = {
        "type": "function_call",
        "call_id": item.call_id,
        "name": item.name,
        "arguments": arguments,
    }
    namespace, _ = placed(item.namespace, item.name)
    if namespace is not None:
        raw["namespace"] = namespace
    return raw


def _result(item: ToolResult) -> Json:
    only_text = all(isinstance(part, TextPart) for part in item.parts)
    output: Json = (
        "".join(part.text for part in item.parts if isinstance(part, TextPart))
        if only_text
        else [_part(part, "input_text") for part in item.parts]
    )
    return {"type": "function_call_output", "call_id": item.call_id, "output": output}


def _search(item: Search) -> Json:
    if not item.complete:
        return None
    raw: dict[str, Json] = {"type": "web_search_call", "status": "completed"}
    return raw if item.action is None else raw | {"action": json.fragment(item.action)}


_RAW: Final[dict[type, Callable[[Any], Json]]] = {
    Message: _message,
    Reasoning: _reasoning,
    ToolCall: _call,
    Search: _search,
    ToolResult: _result,
}


def _part(part: Part, kind: str) -> Json:
    match part:
        case TextPart(text, annotations) if annotations and kind == "output_text":
            noted = [json.fragment(annotation) for annotation in annotations]
            return {"type": kind, "text": text, "annotations": noted}
        case TextPart(text) | RefusalPart(text):
            return {"type": kind, "text": text}
        case ImagePart(url, detail):
            return {"type": "input_image", "image_url": url} | ({"detail": detail} if detail else {})
        case AudioPart(data, format):
            return {"type": "input_audio", "audio_url": f"data:audio/{format};base64,{data}"}
        case FilePart():
            return {"type": kind, "text": file_text(part)}


def file_text(part: FilePart) -> str:
    """Give a text file's content, named, for a model that has no form for any other file.

    Raises:
        Refused: `unsupported` for another file, `wrong_value` for one that is not what it says.
    """
    head, _, body = part.data.partition(",")
    if not head.startswith(("data:text/", "data:application/json")):
        message = "Only text files that are sent inline can be shown to this model."
        raise Refused(fault("unsupported", message, param="input_file"))
    try:
        text = _decoded(body) if head.endswith(";base64") else unquote(body, errors="strict")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(
            fault("wrong_value", "The file is not base64 of UTF-8 text.", param="input_file")
        ) from None
    return f"File {part.filename}:\n{text}" if part.filename else text


def _decoded(body: str) -> str:
    return base64.b64decode(body, validate=True).decode()


def content_items(result: ToolResult) -> list[Json]:
    """Give a tool's result as the reply to `item/tool/call` takes it."""
    return [_content(part) for part in result.parts]


def _content(part: Part) -> Json:
    match part:
        case ImagePart(url):
            return {"type": "inputImage", "imageUrl": url}
        case AudioPart(data, format):
            return {"type": "inputAudio", "audioUrl": f"data:audio/{format};base64,{data}"}
        case FilePart():
            return {"type": "inputText", "text": file_text(part)}
        case TextPart(text) | RefusalPart(text):
            return {"type": "inputText", "text": text}


def dynamic_tools(tools: tuple[Tool, ...]) -> tuple[Json, ...]:
    """Give the client's tools as `thread/start` takes them, namespaces as groups."""
    plain: list[Json] = []
    groups: dict[str, list[Json]] = {}
    descriptions: dict[str, str] = {}
    for tool in tools:
        namespace, _ = placed(tool.namespace, tool.name)
        kept = plain if namespace is None else groups.setdefault(namespace, [])
        kept.append(_tool(tool))
        descriptions.setdefault(namespace or "", tool.namespace_description or "Tools of the client's.")
    return (
        *plain,
        *(
            {"type": "namespace", "name": name, "description": descriptions[name], "tools": group}
            for name, group in groups.items()
        ),
    )


def _tool(tool: Tool) -> Json:
    description, schema = tool.description, json.fragment(tool.parameters)
    if tool.kind == "custom":
        description, schema = custom_description(tool), json.fragment(CUSTOM_SCHEMA)
    return {"type": "function", "name": tool.name, "description": description, "inputSchema": schema}


def custom_description(tool: Tool) -> str:
    """Say what a custom tool does and takes, where it has to be a function."""
    if tool.grammar is None:
        return tool.description
    return f"{tool.description}\n\nThe input must follow this format:\n{tool.grammar}".strip()


def custom_arguments(text: str) -> str:
    """Make a function call's arguments of a custom tool's raw input."""
    return json.encode({INPUT: text}).decode()


def custom_input(arguments: str) -> str:
    """Give a custom tool's raw input back from the function call it travelled as."""
    try:
        found = json.decode(arguments)
    except json.Malformed:
        return arguments
    text = found.get(INPUT) if isinstance(found, dict) else None
    return text if isinstance(text, str) else arguments


# A ThreadItem spells the actions of a search otherwise than the raw item.
SEARCH_ACTIONS: Final = {"search": "search", "openPage": "open_page", "findInPage": "find_in_page"}


def search_action(told: Json) -> JsonText | None:
    """Give what a web search did as OpenAI has it; None where the child does not tell."""
    kind = SEARCH_ACTIONS.get(str(told.get("type"))) if isinstance(told, dict) else None
    if kind is None:
        return None
    given = {name: value for name, value in told.items() if value is not None}
    return json.encode(given | {"type": kind}).decode()
