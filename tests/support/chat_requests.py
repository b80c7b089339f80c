"""Encodes Chat Completions requests: the inverse of `codexd.fronts.chat.decode`."""

from collections.abc import Callable
from typing import Any

from codexd.fronts.chat import DecodedChatRequest
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Item,
    Message,
    Part,
    RefusalPart,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from codexd.wire import json

PARTS: dict[type, Callable[[Any], dict[str, Any]]] = {
    TextPart: lambda part: {"type": "text", "text": part.text},
    RefusalPart: lambda part: {"type": "refusal", "refusal": part.text},
    ImagePart: lambda part: {"type": "image_url", "image_url": {"url": part.url, "detail": part.detail}},
    FilePart: lambda part: {"type": "file", "file": {"file_data": part.data, "filename": part.filename}},
    AudioPart: lambda part: {
        "type": "input_audio",
        "input_audio": {"data": part.data, "format": part.format},
    },
}
BODY = {"function": "arguments", "custom": "input"}


def write(exchange: DecodedChatRequest) -> bytes:
    """Encode the request body of an exchange."""
    turn = exchange.turn
    body = {
        "model": turn.model,
        "messages": messages(turn.items),
        "n": exchange.choices,
        "stream": exchange.stream,
        "stream_options": {"include_usage": exchange.output_options.include_usage} if exchange.stream else None,
        "tools": [tool(one) for one in turn.tools],
        "tool_choice": tool_choice(turn.tool_choice, turn.tools),
        "parallel_tool_calls": turn.parallel_tool_calls,
        "response_format": response_format(turn.format),
        "verbosity": turn.verbosity,
        "service_tier": turn.service_tier,
        **parameters(turn),
    }
    return json.encode(body)


def parameters(turn: Turn) -> dict[str, Any]:
    """Encode the sampling and reasoning parameters."""
    sampling = turn.sampling
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
        "logit_bias": None if sampling.logit_bias is None else json.decode(sampling.logit_bias),
        "max_completion_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
        "reasoning": {"effort": turn.reasoning.effort, "summary": turn.reasoning.summary},
    }


def content(parts: tuple[Part, ...]) -> Any:
    """Encode content: a single text as a string, anything else as parts."""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return [PARTS[type(part)](part) for part in parts]


def messages(items: tuple[Item, ...]) -> list[dict[str, Any]]:
    """Encode the history; calls join the assistant's message before them."""
    written: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, Message):
            written.append({"role": item.role, "content": content(item.parts)})
        elif isinstance(item, ToolResult):
            written.append({"role": "tool", "tool_call_id": item.call_id, "content": content(item.parts)})
        elif isinstance(item, ToolCall):
            if not written or written[-1]["role"] != "assistant":
                written.append({"role": "assistant", "content": None})
            written[-1].setdefault("tool_calls", []).append(call(item))
    return written


def call(item: ToolCall) -> dict[str, Any]:
    """Encode one call of the assistant."""
    body = {"name": item.name, BODY[item.kind]: item.arguments}
    return {"id": item.call_id, "type": item.kind, item.kind: body}


def tool(declared: Tool) -> dict[str, Any]:
    """Encode one tool, nested as in Chat."""
    body: dict[str, Any] = {"name": declared.name, "description": declared.description}
    if declared.kind == "function":
        body |= {"parameters": json.decode(declared.parameters), "strict": declared.strict}
    elif declared.grammar is not None:
        flat = json.decode(declared.grammar)
        body["format"] = {"type": flat.pop("type"), "grammar": flat}
    return {"type": declared.kind, declared.kind: body}


def tool_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> Any:
    """Encode the tool choice."""
    if not choice.names:
        return choice.mode
    kinds = {one.name: one.kind for one in tools}
    named = [{"type": kinds[name], kinds[name]: {"name": name}} for name in choice.names]
    if len(named) == 1 and choice.mode == "required":
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}


def response_format(shape: ResponseFormat) -> dict[str, Any]:
    """Encode the response format."""
    if shape.kind != "json_schema":
        return {"type": shape.kind}
    schema = None if shape.schema is None else json.decode(shape.schema)
    body = {
        "name": shape.name,
        "schema": schema,
        "strict": shape.strict,
        "description": shape.description,
    }
    return {"type": "json_schema", "json_schema": body}
