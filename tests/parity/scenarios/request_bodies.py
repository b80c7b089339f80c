"""Builds the requests of scenarios."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from attrs import evolve

from codexd.wire import json
from codexd.wire.json import Json
from tests.parity.scenario import CHAT, COMPLETIONS, RESPONSES, Place, Scenario, ScenarioRequest, Step

Members: TypeAlias = Mapping[str, Json]
"""Members of a request's body."""

MODEL: Final = "scripted"

WEATHER: Final[dict[str, Any]] = {
    "name": "weather",
    "description": "Tells the weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
CLOCK: Final[dict[str, Any]] = {
    "name": "clock",
    "description": "Tells the time.",
    "parameters": {"type": "object", "properties": {}},
}
PATCH: Final[dict[str, Any]] = {
    "name": "apply_patch",
    "description": "Applies a patch.",
    "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" /.+/s'},
}
PATCHING: Final = 'call: apply_patch {"input": "*** Begin Patch\\n*** End Patch"}'
"""Makes the scripted model call it: Codex offers a custom tool as a function with one argument, the input."""

SCHEMA: Final[dict[str, Any]] = {
    "name": "report",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "degrees": {"type": "number"}},
        "required": ["city", "degrees"],
        "additionalProperties": False,
    },
}
_MODEL_PATHS: Final = (CHAT, RESPONSES, COMPLETIONS)
"""The paths of requests to a model."""

PIXEL: Final = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
"""The smallest PNG image: one transparent pixel."""


def chat(text: str, /, **members: Json) -> ScenarioRequest:
    """Build a Chat Completions request with one user message."""
    return ScenarioRequest.with_json(CHAT, {"model": MODEL, "messages": [user_message(text)], **members})


def responses(input: str | list[Json], /, **members: Json) -> ScenarioRequest:
    """Build a Responses request with one user message, or with items."""
    return ScenarioRequest.with_json(RESPONSES, {"model": MODEL, "input": input, **members})


def get(path: str) -> ScenarioRequest:
    """Build a GET request."""
    return ScenarioRequest(path=path, method="GET")


def post(path: str, **members: Json) -> ScenarioRequest:
    """Build a POST request whose body has these members."""
    return ScenarioRequest.with_json(path, members)


def delete(path: str) -> ScenarioRequest:
    """Build a DELETE request."""
    return ScenarioRequest(path=path, method="DELETE")


def with_streamed(*scenarios: Scenario) -> Iterator[Scenario]:
    """Yield each scenario, and a variant in which every request to a model asks for a stream."""
    for scenario in scenarios:
        yield scenario
        first, *then = map(_streamed, (scenario.first, *scenario.then))
        assert isinstance(first, ScenarioRequest)
        yield evolve(scenario, name=f"{scenario.name}-streamed", first=first, then=tuple(then))


def in_place(place: Place, *scenarios: Scenario) -> Iterator[Scenario]:
    """Yield the scenarios for another place."""
    for scenario in scenarios:
        yield evolve(scenario, place=place)


def _streamed(step: Step) -> Step:
    if not isinstance(step, ScenarioRequest) or step.method != "POST" or step.path not in _MODEL_PATHS:
        return step
    return evolve(step, body=json.encode(json.decode(step.body) | {"stream": True}))


def user_message(content: Json) -> dict[str, Json]:
    """Build a user message."""
    return {"role": "user", "content": content}


def chat_tools(*tools: Members) -> list[Json]:
    """Build the `tools` of a Chat request from functions."""
    return [{"type": "function", "function": dict(tool)} for tool in tools]


def responses_tools(*tools: Members) -> list[Json]:
    """Build the `tools` of a Responses request from functions."""
    return [{"type": "function", **tool} for tool in tools]
