"""Finds the nested fields of a request that have no effect, such as `tools[].defer_loading`.

The tables have the fields that codexd uses, or refuses by name; whatever else a client sets is listed as ignored.
Fields at the top of a request are listed by `Fields.ignored`; a hosted tool or an unsupported item is listed as a
whole. docs/parameters.md has the result for OpenAI's parameters.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import Factory, evolve

from codexd.fronts.json_fields import MAX_IGNORED, PLAIN_NAME, is_set
from codexd.neutral.records import frozen


@frozen
class Shape:
    """The used fields of one kind of object, and the shapes of those that are objects or arrays of objects.

    Attributes:
        used: the names of the used fields.
        nested: the shapes of the nested ones.
        unused: the only fields that are listed, if this is set: the others are state of a model
            (`codexd.wire.provider_state`), which the back end uses or lists.
    """

    used: frozenset[str]
    nested: "Mapping[str, Shape | Choice]" = Factory(dict)
    unused: frozenset[str] | None = None


@frozen
class Choice:
    """Objects of several kinds: `find` returns the shape of one; None if it is listed or refused as a whole."""

    find: Callable[[dict[str, Any]], Shape | None]


Shapes = Mapping[str, Shape | Choice]
"""The shapes of the fields at the top of a request."""


def find_unused(body: Mapping[str, Any], shapes: Shapes) -> tuple[str, ...]:
    """Return the paths of the fields without effect, each once: `[]` stands for every element of an array."""
    found: dict[str, None] = {}
    for path in _find_nested(body, shapes, ""):
        found[path] = None
        if len(found) == MAX_IGNORED:
            break
    return tuple(found)


def _find_nested(value: Mapping[str, Any], shapes: Shapes, path: str) -> Iterator[str]:
    for name, inner in value.items():
        kind = type(inner)
        if kind is not dict and kind is not list:
            continue
        shape = shapes.get(name)
        if shape is None:
            continue
        if kind is dict:
            yield from _find(inner, shape, f"{path}{name}.")
        else:
            for one in inner:
                if type(one) is dict:
                    yield from _find(one, shape, f"{path}{name}[].")


def _find(value: dict[str, Any], shape: Shape | Choice, path: str) -> Iterator[str]:
    known = shape.find(value) if type(shape) is Choice else shape
    if type(known) is not Shape:
        return
    if not value.keys() <= known.used:
        listed = value.keys() - known.used if known.unused is None else known.unused
        unused = (name for name, one in value.items() if name in listed and one not in _EMPTY)
        yield from (path + name for name in unused if is_set(name, value[name]) and PLAIN_NAME.fullmatch(name))
    if known.nested:
        yield from _find_nested(value, known.nested, path)


_EMPTY: Final[tuple[Any, ...]] = ("", [], {})


def _shape(names: str, **nested: Shape | Choice) -> Shape:
    return Shape(frozenset((*names.split(), *nested)), nested)


def _by(name: str, shapes: Mapping[str, Shape], default: str = "") -> Choice:
    """Return the choice by the value of a field."""

    def find(value: dict[str, Any]) -> Shape | None:
        kind = value.get(name) or default
        return shapes.get(kind) if isinstance(kind, str) else None

    return Choice(find)


# Content.

_TEXT: Final = _shape("type text")
_FILE: Final = "file_data file_id file_url filename"
_PARTS: Final = _by(
    "type",
    {
        "text": _TEXT,
        "input_text": _TEXT,
        "output_text": _shape("type text annotations logprobs"),
        "refusal": _shape("type refusal"),
        "image_url": _shape("type detail file_id", image_url=_shape("url detail")),
        "input_image": _shape("type detail file_id", image_url=_shape("url detail")),
        "input_audio": _shape("type", input_audio=_shape("data format")),
        "file": _shape(f"type {_FILE}", file=_shape(_FILE)),
        "input_file": _shape(f"type {_FILE}", file=_shape(_FILE)),
    },
)

# Tools.

_LOCATION: Final = "country region city timezone"
_SEARCH: Final = _shape(
    "type search_context_size external_web_access",
    filters=_shape("allowed_domains"),
    user_location=_shape(f"type {_LOCATION}", approximate=_shape(_LOCATION)),
)
_FUNCTION: Final = "name description parameters strict"
_GRAMMAR: Final = "syntax definition"
_FORMAT: Final = _shape(f"type {_GRAMMAR}", grammar=_shape(_GRAMMAR))
_CLIENT_TOOLS: Final[Mapping[str, Shape]] = {
    "function": _shape(f"type {_FUNCTION}", function=_shape(_FUNCTION)),
    "custom": _shape("type name description", format=_FORMAT, custom=_shape("name description", format=_FORMAT)),
}


def _find_tool(value: dict[str, Any]) -> Shape | None:
    kind = value.get("type")
    if kind == "namespace":
        return _NAMESPACE
    if kind == "tool_search":
        return _TOOL_SEARCH if _is_client_search(value) else None
    return _find_client_tool(value)


def _find_client_tool(value: dict[str, Any]) -> Shape | None:
    kind = value.get("type")
    if isinstance(kind, str) and kind.startswith("web_search"):
        return _SEARCH
    return _CLIENT_TOOLS.get(kind) if isinstance(kind, str) else None


def _is_client_search(value: dict[str, Any]) -> bool:
    return value.get("execution") == "client"


_TOOL_SEARCH: Final = _shape("type execution description parameters")
_NAMESPACE: Final = _shape("type name description", tools=Choice(_find_client_tool))
_NAMED: Final = _shape("type name")
_ALLOWED: Final = _shape("mode tools")
_TOOL_CHOICE: Final = _by(
    "type",
    {
        "function": _shape("type name", function=_NAMED),
        "custom": _shape("type name", custom=_NAMED),
        "allowed_tools": _shape("type mode tools", allowed_tools=_ALLOWED),
    },
)

# Histories.

_CALL: Final = "type id call_id name namespace status"
_RESULT: Final = _shape("type id call_id status", output=_PARTS)
_COMPACTION: Final = _shape("type id status encrypted_content")
_ITEMS: Final[Mapping[str, Shape]] = {
    # Messages of role `tool` exist in compatibility mode `tool-messages`; attachments are refused.
    "message": _shape("type id role status phase tool_call_id attachments", content=_PARTS),
    "function_call": _shape(f"{_CALL} arguments"),
    "custom_tool_call": _shape(f"{_CALL} input"),
    "function_call_output": _RESULT,
    "custom_tool_call_output": _RESULT,
    "reasoning": _shape("type id status encrypted_content", summary=_TEXT, content=_TEXT),
    "web_search_call": _shape("type id status action"),
    "item_reference": _shape("type id"),
    "additional_tools": _shape("type id status role", tools=Choice(_find_tool)),
    "compaction": _COMPACTION,
    "compaction_summary": _COMPACTION,
    "context_compaction": _COMPACTION,
    "compaction_trigger": _shape("type id"),
}
_SEARCH_ITEMS: Final[Mapping[str, Shape]] = {
    "tool_search_call": _shape("type id call_id status execution arguments"),
    "tool_search_output": _shape("type id call_id status execution", tools=Choice(_find_tool)),
}


def _find_item(value: dict[str, Any]) -> Shape | None:
    """Return the shape of an item; a tool search that OpenAI ran is listed as a whole."""
    kind = value.get("type") or "message"
    if not isinstance(kind, str):
        return None
    return (_SEARCH_ITEMS if _is_client_search(value) and kind in _SEARCH_ITEMS else _ITEMS).get(kind)


ITEMS: Final = Choice(_find_item)
_BODY: Final = _shape("name arguments input")
_TOOL_CALLS: Final = evolve(_shape("id index type", function=_BODY, custom=_BODY), unused=frozenset())
_QUESTION: Final = _shape("role", content=_PARTS)
_MESSAGES: Final = _by(
    "role",
    {
        "system": _QUESTION,
        "developer": _QUESTION,
        "user": _QUESTION,
        "assistant": evolve(
            _shape(
                "role refusal reasoning_content reasoning",
                content=_PARTS,
                tool_calls=_TOOL_CALLS,
                function_call=_BODY,
            ),
            unused=frozenset(("annotations", "audio", "name")),
        ),
        "tool": _shape("role tool_call_id", content=_PARTS),
        "function": _shape("role name", content=_PARTS),
    },
)

# Requests.

_STREAM_OPTIONS: Final = _shape("include_usage")
_OUTPUT_FORMAT: Final = _shape(
    "type name description schema strict", json_schema=_shape("name description schema strict")
)
_REASONING: Final = _shape("effort summary generate_summary")

COMPLETIONS: Final[Shapes] = {"stream_options": _STREAM_OPTIONS}
CHAT: Final[Shapes] = {
    "messages": _MESSAGES,
    "tools": Choice(_find_client_tool),
    "tool_choice": _TOOL_CHOICE,
    "functions": _shape(_FUNCTION),
    "function_call": _NAMED,
    "web_search_options": _SEARCH,
    "response_format": _OUTPUT_FORMAT,
    "reasoning": _REASONING,
    "stream_options": _STREAM_OPTIONS,
}
RESPONSES: Final[Shapes] = {
    "input": ITEMS,
    "context_management": _shape("type compact_threshold"),
    "tools": Choice(_find_tool),
    "tool_choice": _TOOL_CHOICE,
    "conversation": _shape("id"),
    "text": _shape("verbosity", format=_OUTPUT_FORMAT),
    "reasoning": _REASONING,
    "stream_options": _STREAM_OPTIONS,
}
CONVERSATIONS: Final[Shapes] = {"items": ITEMS}
