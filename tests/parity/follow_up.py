"""Builds follow-up requests: the client's history grows by the response and by the client's next messages."""

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from codexd.wire import json
from codexd.wire.json import Json
from tests.parity.client import HttpResponse
from tests.parity.response_content import (
    JsonObject,
    UnusableResponseError,
    is_stream,
    parse_events,
    parse_object,
)
from tests.parity.scenario import RESPONSES, FollowUp, ScenarioRequest, UserReply

_OUTPUTS: Final = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


def build_follow_up(last: ScenarioRequest, response: HttpResponse, follow_up: FollowUp) -> ScenarioRequest:
    """Build the request that follows a response.

    Args:
        last: the request that was answered.
        response: its response.
        follow_up: what the client adds.

    Raises:
        UnusableResponseError: when the response is an error, is not of the expected shape, or does not have
            as many tool calls as there are results.
    """
    if response.status != 200:
        raise UnusableResponseError(f"the response has the status {response.status}")
    body = json.decode(last.body)
    extend = _extend_input if last.path == RESPONSES else _extend_messages
    try:
        extended = extend(body, response, follow_up)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UnusableResponseError("the response is not of the expected shape") from None
    return evolve(last, body=json.encode(extended))


def _extend_messages(body: JsonObject, response: HttpResponse, follow_up: FollowUp) -> JsonObject:
    message = _parse_message(response)
    return {**body, "messages": [*body["messages"], message, *_build_messages(message, follow_up)]}


def _build_messages(message: JsonObject, follow_up: FollowUp) -> list[JsonObject]:
    if isinstance(follow_up, UserReply):
        return [{"role": "user", "content": follow_up.text}]
    legacy = message.get("function_call")
    calls = message.get("tool_calls", []) if legacy is None else [legacy]
    if len(calls) != len(follow_up.outputs):
        raise UnusableResponseError(f"the response has {len(calls)} tool calls")
    if legacy is not None:
        return [{"role": "function", "name": legacy["name"], "content": follow_up.outputs[0]}]
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": output}
        for call, output in zip(calls, follow_up.outputs, strict=True)
    ]


def _parse_message(response: HttpResponse) -> JsonObject:
    """Return the assistant's message, merged from its deltas if it was streamed."""
    if not is_stream(response):
        complete: JsonObject = json.decode(response.body)["choices"][0]["message"]
        return {name: value for name, value in complete.items() if value is not None}
    message: JsonObject = {}
    calls: dict[int, JsonObject] = {}
    for event in parse_events(response):
        for choice in event.get("choices", ()):
            delta = choice["delta"]
            for call in delta.pop("tool_calls", ()):
                _merge(calls.setdefault(call.pop("index"), {}), call)
            _merge(message, delta)
    return message | ({"tool_calls": list(calls.values())} if calls else {})


def _merge(into: JsonObject, delta: Mapping[str, Json]) -> None:
    """Apply a delta: append strings, merge objects, replace everything else."""
    for name, value in delta.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        elif isinstance(value, str) and isinstance(into.get(name), str):
            into[name] += value
        elif value is not None:
            into[name] = value


def _extend_input(body: JsonObject, response: HttpResponse, follow_up: FollowUp) -> JsonObject:
    given = body["input"]
    before = [{"role": "user", "content": given}] if isinstance(given, str) else given
    output = parse_object(response)["output"]
    return {**body, "input": [*before, *output, *_build_items(output, follow_up)]}


def _build_items(output: list[JsonObject], follow_up: FollowUp) -> list[JsonObject]:
    if isinstance(follow_up, UserReply):
        return [{"role": "user", "content": follow_up.text}]
    calls = [item for item in output if item["type"] in _OUTPUTS]
    if len(calls) != len(follow_up.outputs):
        raise UnusableResponseError(f"the response has {len(calls)} tool calls")
    return [
        {"type": _OUTPUTS[call["type"]], "call_id": call["call_id"], "output": text}
        for call, text in zip(calls, follow_up.outputs, strict=True)
    ]
