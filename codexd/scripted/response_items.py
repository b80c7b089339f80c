"""Render the items of a plan as Responses output items: the objects and their events.

Source: OpenAI Responses API, streaming events of message, reasoning, function and custom tool call items.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from codexd.scripted.answer_plan import (
    AnswerPlan,
    IncompleteEnding,
    ScriptedCall,
    ScriptedItem,
    ScriptedMessage,
    ScriptedReasoning,
    ScriptedSearch,
)

JsonObject: TypeAlias = dict[str, Any]
NamedEvent: TypeAlias = tuple[str, JsonObject]
"""The name of an event, and its members without those common to the item."""


@frozen(kw_only=True)
class ResponsesItem:
    """One output item: its object when it is added (`opened`), its events, and its object when it is done."""

    opened: JsonObject
    finished: JsonObject
    common: JsonObject
    """The members of every event of the item."""
    opening: tuple[NamedEvent, ...]
    delta: str
    """The name of the delta events; empty if there are none."""
    extra: JsonObject
    """The members of a delta event besides `common` and `delta`."""
    closing: tuple[NamedEvent, ...]


def build_item(plan: AnswerPlan, position: int) -> ResponsesItem:
    """Build the item at a position of the plan."""
    item = plan.items[position]
    return _BUILDERS[type(item)](plan, position, item)


def _message(plan: AnswerPlan, position: int, item: ScriptedMessage) -> ResponsesItem:
    cut_short = isinstance(plan.ending, IncompleteEnding) and position == len(plan.items) - 1
    head = {"id": plan.make_id("msg", position), "type": "message", "role": "assistant"}
    if item.is_refusal:
        return _refusal(head, position, item)
    annotations = [] if item.source is None else [build_citation(item.text, item.source)]
    part = _text_part(item.text, annotations)
    annotation_members = (
        {"annotation_index": index, "annotation": annotation} for index, annotation in enumerate(annotations)
    )
    return ResponsesItem(
        opened={**head, "status": "in_progress", "content": []},
        finished={**head, "status": "incomplete" if cut_short else "completed", "content": [part]},
        common={"item_id": head["id"], "output_index": position, "content_index": 0},
        opening=(("response.content_part.added", {"part": _text_part("")}),),
        delta="response.output_text.delta",
        extra={"logprobs": []},
        closing=(
            *(("response.output_text.annotation.added", members) for members in annotation_members),
            ("response.output_text.done", {"text": item.text, "logprobs": []}),
            ("response.content_part.done", {"part": part}),
        ),
    )


def _refusal(head: JsonObject, position: int, item: ScriptedMessage) -> ResponsesItem:
    part = {"type": "refusal", "refusal": item.text}
    return ResponsesItem(
        opened={**head, "status": "in_progress", "content": []},
        finished={**head, "status": "completed", "content": [part]},
        common={"item_id": head["id"], "output_index": position, "content_index": 0},
        opening=(("response.content_part.added", {"part": {"type": "refusal", "refusal": ""}}),),
        delta="response.refusal.delta",
        extra={},
        closing=(
            ("response.refusal.done", {"refusal": item.text}),
            ("response.content_part.done", {"part": part}),
        ),
    )


def build_citation(text: str, source: str) -> JsonObject:
    """Build an annotation that cites a web page for the whole text."""
    common = {"start_index": 0, "end_index": len(text)}
    return {"type": "url_citation", "url": source, "title": "What was found", **common}


def _text_part(text: str, annotations: Sequence[JsonObject] = ()) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def _thought(plan: AnswerPlan, position: int, item: ScriptedReasoning) -> ResponsesItem:
    head = {"id": plan.make_id("rs", position), "type": "reasoning"}
    part = {"type": "summary_text", "text": item.text}
    return ResponsesItem(
        opened={**head, "summary": []},
        finished={**head, "summary": [part], "encrypted_content": plan.make_id("encrypted", position)},
        common={"item_id": head["id"], "output_index": position, "summary_index": 0},
        opening=(("response.reasoning_summary_part.added", {"part": {"type": "summary_text", "text": ""}}),),
        delta="response.reasoning_summary_text.delta",
        extra={},
        closing=(
            ("response.reasoning_summary_text.done", {"text": item.text}),
            ("response.reasoning_summary_part.done", {"part": part}),
        ),
    )


def _call(plan: AnswerPlan, position: int, item: ScriptedCall) -> ResponsesItem:
    kind, prefix, member, event = _CUSTOM if item.custom else _FUNCTION
    head = {
        "id": plan.make_id(prefix, position),
        "type": kind,
        "call_id": plan.make_id("call", position),
        "name": item.name,
        **({"namespace": item.namespace} if item.namespace else {}),
    }
    named = {} if item.custom else {"name": item.name}
    return ResponsesItem(
        opened={**head, "status": "in_progress", member: ""},
        finished={**head, "status": "completed", member: item.arguments},
        common={"item_id": head["id"], "output_index": position},
        opening=(),
        delta=f"{event}.delta",
        extra={},
        closing=((f"{event}.done", {**named, member: item.arguments}),),
    )


def _search(plan: AnswerPlan, position: int, item: ScriptedSearch) -> ResponsesItem:
    head = {"id": plan.make_id("ws", position), "type": "web_search_call"}
    action = {"type": "search", "query": item.query, "queries": [item.query]}
    event = "response.web_search_call"
    return ResponsesItem(
        opened={**head, "status": "in_progress", "action": action},
        finished={**head, "status": "completed", "action": action},
        common={"item_id": head["id"], "output_index": position},
        opening=((f"{event}.in_progress", {}), (f"{event}.searching", {})),
        delta="",
        extra={},
        closing=((f"{event}.completed", {}),),
    )


_FUNCTION = ("function_call", "fc", "arguments", "response.function_call_arguments")
_CUSTOM = ("custom_tool_call", "ctc", "input", "response.custom_tool_call_input")

_BUILDERS: dict[type[ScriptedItem], Callable[[AnswerPlan, int, Any], ResponsesItem]] = {
    ScriptedMessage: _message,
    ScriptedReasoning: _thought,
    ScriptedCall: _call,
    ScriptedSearch: _search,
}
