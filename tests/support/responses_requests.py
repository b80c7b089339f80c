"""Requests of the Responses dialect: a Turn as the body that says it, and bodies made for a test."""

from itertools import groupby
from typing import Any

from codexd.fronts import responses
from codexd.fronts.exchange import Terms
from codexd.fronts.responses.exchange import ResponsesExchange
from codexd.neutral.fault import Fault, Refused
from codexd.neutral.kept import Recalled
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    Format,
    ImagePart,
    Message,
    Reasoning,
    RefusalPart,
    Search,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from codexd.wire.json import Json, decode, encode

SOMEONE = Terms("someone")


def as_request(turn: Turn) -> Json:
    """Say a Turn as a client would; what is None is left out."""
    asked = {
        "model": turn.model,
        "input": [_ITEMS[type(item)](item) for item in turn.items],
        "instructions": turn.instructions,
        "tools": _tools(turn.tools),
        "tool_choice": _choice(turn),
        "parallel_tool_calls": turn.parallel_tool_calls,
        "temperature": turn.sampling.temperature,
        "top_p": turn.sampling.top_p,
        "max_output_tokens": turn.sampling.max_tokens,
        "top_logprobs": turn.sampling.top_logprobs,
        "include": ["message.output_text.logprobs"] if turn.sampling.logprobs else [],
        "reasoning": {"effort": turn.thinking.effort, "summary": turn.thinking.summary},
        "text": {"format": _format(turn.format), "verbosity": turn.verbosity},
        "service_tier": turn.service_tier,
        "truncation": turn.truncation,
        **decode(turn.extra),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _message(message: Message) -> Json:
    return {
        "type": "message",
        "id": message.id,
        "role": message.role,
        "status": _status(message),
        "content": [_PARTS[type(part)](part) for part in message.parts],
        "phase": message.phase,
    }


def _reasoning(thought: Reasoning) -> Json:
    return {
        "type": "reasoning",
        "id": thought.id,
        "status": _status(thought),
        "summary": [{"type": "summary_text", "text": text} for text in thought.summary],
        "content": [{"type": "reasoning_text", "text": text} for text in thought.content],
        "encrypted_content": thought.encrypted,
    }


def _call(call: ToolCall) -> Json:
    of_function = call.kind == "function"
    return {
        "type": "function_call" if of_function else "custom_tool_call",
        "id": call.id,
        "status": _status(call),
        "call_id": call.call_id,
        "name": call.name,
        "namespace": call.namespace,
        "arguments" if of_function else "input": call.arguments,
    }


def _search(search: Search) -> Json:
    action = None if search.action is None else decode(search.action)
    return {"type": "web_search_call", "id": search.id, "status": _status(search), "action": action}


def _text(part: TextPart) -> Json:
    if not part.annotations and part.logprobs is None:
        return {"type": "input_text", "text": part.text}
    annotations = [decode(one) for one in part.annotations]
    logprobs = None if part.logprobs is None else decode(part.logprobs)
    return {"type": "output_text", "text": part.text, "annotations": annotations, "logprobs": logprobs}


def _result(result: ToolResult) -> Json:
    return {
        "type": "function_call_output" if result.kind == "function" else "custom_tool_call_output",
        "call_id": result.call_id,
        "output": [_PARTS[type(part)](part) for part in result.parts],
    }


def _status(item: Message | Reasoning | ToolCall | Search) -> str:
    return "completed" if item.complete else "incomplete"


_ITEMS: dict[type, Any] = {
    Message: _message,
    Reasoning: _reasoning,
    ToolCall: _call,
    Search: _search,
    ToolResult: _result,
}
_PARTS: dict[type, Any] = {
    TextPart: _text,
    RefusalPart: lambda part: {"type": "refusal", "refusal": part.text},
    ImagePart: lambda part: {"type": "input_image", "image_url": part.url, "detail": part.detail},
    FilePart: lambda part: {"type": "input_file", "file_data": part.data, "filename": part.filename},
    AudioPart: lambda part: {
        "type": "input_audio",
        "input_audio": {"data": part.data, "format": part.format},
    },
}


def _tools(offered: tuple[Tool, ...]) -> Json:
    said: list[Json] = []
    for (name, description), group in groupby(
        offered, lambda tool: (tool.namespace, tool.namespace_description)
    ):
        flat = [_tool(tool) for tool in group]
        wrapped = {"type": "namespace", "name": name, "description": description, "tools": flat}
        said += [wrapped] if name else flat
    return said


def _tool(tool: Tool) -> Json:
    said: Json = {"type": tool.kind, "name": tool.name, "description": tool.description}
    if tool.kind == "function":
        return said | {"parameters": decode(tool.parameters), "strict": tool.strict}
    return said | {"format": {"type": "text"} if tool.grammar is None else decode(tool.grammar)}


def _choice(turn: Turn) -> Json:
    kinds = {tool.name: tool.kind for tool in turn.tools}
    named = [{"type": kinds[name], "name": name} for name in turn.tool_choice.names]
    if not named:
        return turn.tool_choice.mode
    if turn.tool_choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": turn.tool_choice.mode, "tools": named}


def _format(form: Format) -> Json:
    if form.kind != "json_schema":
        return {"type": form.kind}
    return {
        "type": form.kind,
        "name": form.name,
        "schema": None if form.schema is None else decode(form.schema),
        "strict": form.strict,
        "description": form.description,
    }


# Made for a test.


def ask(**fields: Any) -> ResponsesExchange:
    """Decode a request that has a model and an input, and these fields."""
    return responses.read(encode({"model": "m", "input": "hi", **fields}), SOMEONE).complete(Recalled())


def turn_of(**fields: Any) -> Turn:
    """Give the Turn of such a request."""
    return ask(**fields).turn


def fault_of(body: Json) -> Fault:
    """Give what a request is refused for; bytes are sent as they are."""
    try:
        data = body if isinstance(body, bytes) else encode(body)
        responses.read(data, SOMEONE).complete(Recalled())
    except Refused as refused:
        return refused.fault
    raise AssertionError("it was accepted")
