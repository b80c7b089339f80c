"""What the scenarios' requests are made of."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from codexd.parity.scenario import CHAT, RESPONSES, Ask
from codexd.wire.json import Json

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


def user(content: Json) -> dict[str, Json]:
    """Make a user message."""
    return {"role": "user", "content": content}


def functions(*tools: Members) -> list[Json]:
    """Declare functions as Chat has them."""
    return [{"type": "function", "function": dict(tool)} for tool in tools]


def flat(*tools: Members) -> list[Json]:
    """Declare functions as Responses has them."""
    return [{"type": "function", **tool} for tool in tools]
