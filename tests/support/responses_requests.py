"""Encodes a Turn as a Responses request, and decodes request bodies of tests."""

from itertools import groupby
from typing import Any

from codexd.fronts import responses
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.responses.decoded_request import DecodedResponsesRequest
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Reasoning,
    RefusalPart,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    WebSearchCall,
)
from codexd.wire.json import Json, decode, encode

SOMEONE = RequestOptions(principal="someone")


def encode_turn(turn: Turn) -> Json:
    """Encode a Turn as a request body, without members that are None."""
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
        "reasoning": {"effort": turn.reasoning.effort, "summary": turn.reasoning.summary},
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


def _search(search: WebSearchCall) -> Json:
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


def _status(item: Message | Reasoning | ToolCall | WebSearchCall) -> str:
    return "completed" if item.complete else "incomplete"


_ITEMS: dict[type, Any] = {
    Message: _message,
    Reasoning: _reasoning,
    ToolCall: _call,
    WebSearchCall: _search,
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
    for (name, description), group in groupby(offered, lambda tool: (tool.namespace, tool.namespace_description)):
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


def _format(form: ResponseFormat) -> Json:
    if form.kind != "json_schema":
        return {"type": form.kind}
    return {
        "type": form.kind,
        "name": form.name,
        "schema": None if form.schema is None else decode(form.schema),
        "strict": form.strict,
        "description": form.description,
    }


# Requests of tests.


def decode_request(**fields: Any) -> DecodedResponsesRequest:
    """Decode a request with a model, an input and these fields."""
    return responses.decode_pending(encode({"model": "m", "input": "hi", **fields}), SOMEONE).complete(LoadedHistory())


def decode_turn(**fields: Any) -> Turn:
    """Return the Turn of such a request."""
    return decode_request(**fields).turn


def decode_fault(body: Json, options: RequestOptions = SOMEONE) -> Fault:
    """Return the fault of a request that must be rejected; bytes are decoded as they are."""
    try:
        data = body if isinstance(body, bytes) else encode(body)
        responses.decode_pending(data, options).complete(LoadedHistory())
    except FaultError as refused:
        return refused.fault
    raise AssertionError("the request was accepted")
