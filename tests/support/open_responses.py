"""The published Open Responses schema (version 2026-04-24) as tables of required and optional members.

Further members are allowed everywhere, as in the schema. What OpenAI's API has and the schema does not
(custom tools, web searches, longer lists of values) is marked BEYOND and checked for the members that all
of its kind have; any other unknown type is a violation.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from codexd.wire.json import Json

Check: TypeAlias = Callable[[Json, str], Iterator[str]]
"""Yields the violations of a value; the second argument is its path."""

Members: TypeAlias = Mapping[str, Check]


# Builders of checks.


def _of(kind: str, *types: type) -> Check:
    def check(value: Json, path: str) -> Iterator[str]:
        if type(value) not in types:
            yield f"{path}: {kind} expected, not {value!r}"

    return check


TEXT = _of("a string", str)
WHOLE = _of("an integer", int)
NUMBER = _of("a number", int, float)
FLAG = _of("a boolean", bool)
OBJECT = _of("an object", dict)


def null_or(check: Check) -> Check:
    """Allow null."""
    return lambda value, path: iter(()) if value is None else check(value, path)


def one_of(*values: str) -> Check:
    """Allow a few strings."""

    def check(value: Json, path: str) -> Iterator[str]:
        if value not in values:
            yield f"{path}: one of {values} expected, not {value!r}"

    return check


def each(check: Check) -> Check:
    """Allow an array of these."""

    def check_all(value: Json, path: str) -> Iterator[str]:
        if type(value) is not list:
            yield f"{path}: an array expected, not {value!r}"
            return
        for index, one in enumerate(value):
            yield from check(one, f"{path}[{index}]")

    return check_all


def members(required: Members, optional: Members | None = None) -> Check:
    """Allow an object that has all the required members, and perhaps the optional ones."""
    known = {**required, **(optional or {})}

    def check(value: Json, path: str) -> Iterator[str]:
        if type(value) is not dict:
            yield f"{path}: an object expected, not {value!r}"
            return
        yield from (f"{path}.{name}: missing" for name in required if name not in value)
        for name in (name for name in known if name in value):
            yield from known[name](value[name], f"{path}.{name}")

    return check


def by_type(table: Mapping[str, Check]) -> Check:
    """Allow an object of one of these types."""

    def check(value: Json, path: str) -> Iterator[str]:
        kind = value.get("type") if type(value) is dict else None
        if type(kind) is not str or kind not in table:
            yield f"{path}: of no known type: {value!r}"
            return
        yield from table[kind](value, f"{path}<{kind}>")

    return check


def either(text: Check, other: Check) -> Check:
    """Allow a string of one kind, or another thing."""
    return lambda value, path: (text if type(value) is str else other)(value, path)


# Parts.

_ALTERNATIVE = {"token": TEXT, "logprob": NUMBER, "bytes": each(WHOLE)}
LOGPROBS = each(members({**_ALTERNATIVE, "top_logprobs": each(members(_ALTERNATIVE))}))
_CITED = {"url": TEXT, "title": TEXT, "start_index": WHOLE, "end_index": WHOLE}
BEYOND_ANNOTATIONS = ("file_citation", "container_file_citation", "file_path")
ANNOTATION = by_type({"url_citation": members(_CITED), **dict.fromkeys(BEYOND_ANNOTATIONS, members({}))})
DETAIL = one_of("low", "high", "auto", "original")  # `original` is BEYOND
_PLAIN = members({"text": TEXT})

PARTS: dict[str, Check] = {
    "input_text": _PLAIN,
    "output_text": members({"text": TEXT, "annotations": each(ANNOTATION)}, {"logprobs": LOGPROBS}),
    "text": _PLAIN,
    "summary_text": _PLAIN,
    "reasoning_text": _PLAIN,
    "refusal": members({"refusal": TEXT}),
    "input_image": members({"image_url": null_or(TEXT), "detail": DETAIL}),
    "input_file": members({}, {"filename": TEXT, "file_url": TEXT}),
    "input_video": members({"video_url": TEXT}),
}
BEYOND_PARTS = {"input_audio": members({"input_audio": OBJECT})}
PART = by_type(PARTS | BEYOND_PARTS)


# Items.

STATUS = one_of("in_progress", "completed", "incomplete")
PHASE = one_of("commentary", "final_answer")
ROLE = one_of("user", "assistant", "system", "developer")
_CALL = {"id": TEXT, "status": STATUS, "call_id": TEXT, "name": TEXT}
_OUTPUT = {"id": TEXT, "status": STATUS, "call_id": TEXT, "output": either(TEXT, each(PART))}

ITEMS: dict[str, Check] = {
    "message": members({"id": TEXT, "status": STATUS, "role": ROLE, "content": each(PART)}, {"phase": PHASE}),
    "function_call": members({**_CALL, "arguments": TEXT}),
    "function_call_output": members(_OUTPUT),
    "reasoning": members({"id": TEXT, "summary": each(PART)}, {"content": each(PART), "encrypted_content": TEXT}),
    "compaction": members({"id": TEXT, "encrypted_content": TEXT}, {"created_by": TEXT}),
}
BEYOND_ITEMS: dict[str, Check] = {
    "custom_tool_call": members({**_CALL, "input": TEXT}),
    "custom_tool_call_output": members(_OUTPUT),
    "web_search_call": members(
        {"id": TEXT, "status": one_of("in_progress", "searching", "completed", "failed", "incomplete")},
        {"action": OBJECT},
    ),
    "tool_search_call": members({"id": TEXT, "status": STATUS, "call_id": TEXT, "execution": one_of("client")}),
    "tool_search_output": members({"id": TEXT, "status": STATUS, "call_id": TEXT, "execution": one_of("client")}),
    "additional_tools": members({"id": TEXT, "status": STATUS, "tools": each(OBJECT)}),
}
ITEM = by_type(ITEMS | BEYOND_ITEMS)


# The Response.

_NAMED = members({}, {"name": TEXT})
MODE = one_of("none", "auto", "required")
BEYOND_TOOLS = ("custom", "namespace", "tool_search", "web_search", "web_search_preview")
TOOL = by_type(
    {
        "function": members(
            {
                "name": TEXT,
                "description": null_or(TEXT),
                "parameters": null_or(OBJECT),
                "strict": null_or(FLAG),
            }
        ),
        **dict.fromkeys(BEYOND_TOOLS, members({})),
    }
)
_CHOSEN: dict[str, Check] = {"function": _NAMED, **dict.fromkeys(BEYOND_TOOLS, _NAMED)}
CHOICE = by_type({**_CHOSEN, "allowed_tools": members({"tools": each(by_type(_CHOSEN)), "mode": MODE})})
_SCHEMA = {"name": TEXT, "description": null_or(TEXT), "schema": null_or(OBJECT), "strict": FLAG}
FORMAT = by_type({"text": members({}), "json_object": members({}), "json_schema": members(_SCHEMA)})
BEYOND_EFFORTS = ("minimal", "max", "ultra")
EFFORT = one_of("none", "low", "medium", "high", "xhigh", *BEYOND_EFFORTS)
SUMMARY = one_of("auto", "concise", "detailed")
STANDS = one_of("queued", "in_progress", "completed", "incomplete", "failed", "cancelled")
USAGE = members(
    {
        "input_tokens": WHOLE,
        "output_tokens": WHOLE,
        "total_tokens": WHOLE,
        "input_tokens_details": members({"cached_tokens": WHOLE}),
        "output_tokens_details": members({"reasoning_tokens": WHOLE}),
    }
)

RESPONSE = members(
    {
        "id": TEXT,
        "object": one_of("response"),
        "created_at": WHOLE,
        "completed_at": null_or(WHOLE),
        "status": STANDS,
        "incomplete_details": null_or(members({"reason": TEXT})),
        "model": TEXT,
        "previous_response_id": null_or(TEXT),
        "instructions": null_or(TEXT),
        "output": each(ITEM),
        "error": null_or(members({"code": TEXT, "message": TEXT})),
        "tools": each(TOOL),
        "tool_choice": either(MODE, CHOICE),
        "truncation": one_of("auto", "disabled"),
        "parallel_tool_calls": FLAG,
        "text": members({"format": FORMAT}, {"verbosity": one_of("low", "medium", "high")}),
        "top_p": NUMBER,
        "presence_penalty": NUMBER,
        "frequency_penalty": NUMBER,
        "top_logprobs": WHOLE,
        "temperature": NUMBER,
        "reasoning": null_or(members({"effort": null_or(EFFORT), "summary": null_or(SUMMARY)})),
        "usage": null_or(USAGE),
        "max_output_tokens": null_or(WHOLE),
        "max_tool_calls": null_or(WHOLE),
        "store": FLAG,
        "background": FLAG,
        "service_tier": TEXT,
        "metadata": OBJECT,
        "safety_identifier": null_or(TEXT),
        "prompt_cache_key": null_or(TEXT),
    }
)
COMPACTED = members(
    {
        "id": TEXT,
        "object": one_of("response.compaction"),
        "output": each(ITEM),
        "created_at": WHOLE,
        "usage": USAGE,
    }
)


# Events.

_NUMBERED = {"sequence_number": WHOLE}
_OF_ITEM = {**_NUMBERED, "item_id": TEXT, "output_index": WHOLE}
_CONTENT = {**_OF_ITEM, "content_index": WHOLE}
_SUMMED = {**_OF_ITEM, "summary_index": WHOLE}
_SNAPSHOT = members({**_NUMBERED, "response": RESPONSE})
_ITEM_EVENT = members({**_NUMBERED, "output_index": WHOLE, "item": null_or(ITEM)})
_PADDED = {"obfuscation": TEXT}
_THOUGHT = members({**_CONTENT, "delta": TEXT}, _PADDED)
_THOUGHT_DONE = members({**_CONTENT, "text": TEXT})
_NOTED = {"annotation_index": WHOLE, "annotation": null_or(ANNOTATION)}
_ERROR = {"type": TEXT, "code": null_or(TEXT), "message": TEXT, "param": null_or(TEXT)}
LIFE = ("created", "queued", "in_progress", "completed", "failed", "incomplete")

EVENTS: dict[str, Check] = {
    **{f"response.{stage}": _SNAPSHOT for stage in LIFE},
    "response.output_item.added": _ITEM_EVENT,
    "response.output_item.done": _ITEM_EVENT,
    "response.content_part.added": members({**_CONTENT, "part": PART}),
    "response.content_part.done": members({**_CONTENT, "part": PART}),
    "response.output_text.delta": members({**_CONTENT, "delta": TEXT}, {"logprobs": LOGPROBS, **_PADDED}),
    "response.output_text.done": members({**_CONTENT, "text": TEXT}, {"logprobs": LOGPROBS}),
    "response.output_text.annotation.added": members({**_CONTENT, **_NOTED}),
    "response.refusal.delta": members({**_CONTENT, "delta": TEXT}),
    "response.refusal.done": members({**_CONTENT, "refusal": TEXT}),
    "response.reasoning.delta": _THOUGHT,
    "response.reasoning.done": _THOUGHT_DONE,
    "response.reasoning_summary_part.added": members({**_SUMMED, "part": PART}),
    "response.reasoning_summary_part.done": members({**_SUMMED, "part": PART}),
    "response.reasoning_summary_text.delta": members({**_SUMMED, "delta": TEXT}, _PADDED),
    "response.reasoning_summary_text.done": members({**_SUMMED, "text": TEXT}),
    "response.function_call_arguments.delta": members({**_OF_ITEM, "delta": TEXT}, _PADDED),
    "response.function_call_arguments.done": members({**_OF_ITEM, "arguments": TEXT}),
    "error": members({**_NUMBERED, "error": members(_ERROR)}),
}
BEYOND_EVENTS: dict[str, Check] = {
    # OpenAI's name of what the schema calls `response.reasoning`.
    "response.reasoning_text.delta": _THOUGHT,
    "response.reasoning_text.done": _THOUGHT_DONE,
    "response.custom_tool_call_input.delta": members({**_OF_ITEM, "delta": TEXT}),
    "response.custom_tool_call_input.done": members({**_OF_ITEM, "input": TEXT}),
    **{f"response.web_search_call.{stage}": members(_OF_ITEM) for stage in ("in_progress", "searching", "completed")},
    "keepalive": members(_NUMBERED),
    # The compatibility mode `tool-events`.
    "response.output_tool_call.begin": members({**_OF_ITEM, "call_id": TEXT, "name": TEXT}),
    "response.output_tool_call.delta": members({**_OF_ITEM, "delta": TEXT}),
    "response.output_tool_call.end": members({**_OF_ITEM, "arguments": TEXT}),
    "response.done": _SNAPSHOT,
}
EVENT = by_type(EVENTS | BEYOND_EVENTS)


def violations(check: Check, value: Json) -> list[str]:
    """Return the violations of a value: `violations(RESPONSE, body)`."""
    return list(check(value, "$"))
