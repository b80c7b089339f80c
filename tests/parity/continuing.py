"""What a client asks next: its history grows by the answer, and by what the client says to it."""

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from codexd.wire import json
from codexd.wire.json import Json
from tests.parity.client import Response
from tests.parity.reading import Object, Unanswerable, events, said, streamed
from tests.parity.scenario import RESPONSES, Ask, FollowUp, Reply

_OUTPUTS: Final = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


def following(asked: Ask, answer: Response, follow: FollowUp) -> Ask:
    """Make the request that follows on an answer.

    Raises:
        Unanswerable: when the answer is none, or does not have as many tool calls as there are results.
    """
    if answer.status != 200:
        raise Unanswerable(f"the answer has the status {answer.status}")
    body = json.decode(asked.body)
    grow = _responses if asked.path == RESPONSES else _chat
    try:
        grown = grow(body, answer, follow)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Unanswerable("the answer has not the shape of one") from None
    return evolve(asked, body=json.encode(grown))


def _chat(body: Object, answer: Response, follow: FollowUp) -> Object:
    message = _message(answer)
    return {**body, "messages": [*body["messages"], message, *_said_in_chat(message, follow)]}


def _said_in_chat(message: Object, follow: FollowUp) -> list[Object]:
    if isinstance(follow, Reply):
        return [{"role": "user", "content": follow.text}]
    legacy = message.get("function_call")
    calls = message.get("tool_calls", []) if legacy is None else [legacy]
    if len(calls) != len(follow.texts):
        raise Unanswerable(f"the answer has {len(calls)} tool calls")
    if legacy is not None:
        return [{"role": "function", "name": legacy["name"], "content": follow.texts[0]}]
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": text}
        for call, text in zip(calls, follow.texts, strict=True)
    ]


def _message(answer: Response) -> Object:
    """Give the assistant's message, put together from its deltas if it was streamed."""
    if not streamed(answer):
        whole: Object = json.decode(answer.body)["choices"][0]["message"]
        return {name: value for name, value in whole.items() if value is not None}
    message: Object = {}
    calls: dict[int, Object] = {}
    for event in events(answer):
        for choice in event.get("choices", ()):
            delta = choice["delta"]
            for call in delta.pop("tool_calls", ()):
                _merge(calls.setdefault(call.pop("index"), {}), call)
            _merge(message, delta)
    return message | ({"tool_calls": list(calls.values())} if calls else {})


def _merge(into: Object, delta: Mapping[str, Json]) -> None:
    """Add a delta: texts grow, objects are merged, all else is taken as it is."""
    for name, value in delta.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        elif isinstance(value, str) and isinstance(into.get(name), str):
            into[name] += value
        elif value is not None:
            into[name] = value


def _responses(body: Object, answer: Response, follow: FollowUp) -> Object:
    given = body["input"]
    before = [{"role": "user", "content": given}] if isinstance(given, str) else given
    output = said(answer)["output"]
    return {**body, "input": [*before, *output, *_said_in_responses(output, follow)]}


def _said_in_responses(output: list[Object], follow: FollowUp) -> list[Object]:
    if isinstance(follow, Reply):
        return [{"role": "user", "content": follow.text}]
    calls = [item for item in output if item["type"] in _OUTPUTS]
    if len(calls) != len(follow.texts):
        raise Unanswerable(f"the answer has {len(calls)} tool calls")
    return [
        {"type": _OUTPUTS[call["type"]], "call_id": call["call_id"], "output": text}
        for call, text in zip(calls, follow.texts, strict=True)
    ]
