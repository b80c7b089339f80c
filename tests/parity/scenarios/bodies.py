"""What the scenarios' requests are made of."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from attrs import evolve

from codexd.wire import json
from codexd.wire.json import Json
from tests.parity.scenario import CHAT, COMPLETIONS, RESPONSES, Ask, Place, Scenario, Step

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
"""Makes the model call it: what Codex is given is a function, with the custom tool's input as an argument."""

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
_ANSWERS: Final = (CHAT, RESPONSES, COMPLETIONS)
"""The paths where a model is asked."""

PIXEL: Final = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
"""The smallest PNG image: one transparent dot."""


def chat(text: str, /, **members: Json) -> Ask:
    """Ask one user message in Chat Completions."""
    return Ask.saying(CHAT, {"model": MODEL, "messages": [user(text)], **members})


def responses(text: str, /, **members: Json) -> Ask:
    """Ask one user message in Responses."""
    return Ask.saying(RESPONSES, {"model": MODEL, "input": text, **members})


def get(path: str) -> Ask:
    """Ask to be shown something."""
    return Ask(path, method="GET")


def post(path: str, **members: Json) -> Ask:
    """Ask with a body of these members."""
    return Ask.saying(path, members)


def delete(path: str) -> Ask:
    """Ask for something to be deleted."""
    return Ask(path, method="DELETE")


def both_ways(*scenarios: Scenario) -> Iterator[Scenario]:
    """Tell scenarios whole and streamed: all that is asked of the model is asked for as a stream then."""
    for scenario in scenarios:
        yield scenario
        first, *then = map(_streamed, (scenario.first, *scenario.then))
        assert isinstance(first, Ask)
        yield evolve(scenario, name=f"{scenario.name}-streamed", first=first, then=tuple(then))


def at(place: Place, *scenarios: Scenario) -> Iterator[Scenario]:
    """Tell scenarios in another place."""
    for scenario in scenarios:
        yield evolve(scenario, place=place)


def _streamed(step: Step) -> Step:
    if not isinstance(step, Ask) or step.method != "POST" or step.path not in _ANSWERS:
        return step
    return evolve(step, body=json.encode(json.decode(step.body) | {"stream": True}))


def user(content: Json) -> dict[str, Json]:
    """Make a user message."""
    return {"role": "user", "content": content}


def functions(*tools: Members) -> list[Json]:
    """Declare functions as Chat has them."""
    return [{"type": "function", "function": dict(tool)} for tool in tools]


def flat(*tools: Members) -> list[Json]:
    """Declare functions as Responses has them."""
    return [{"type": "function", **tool} for tool in tools]
