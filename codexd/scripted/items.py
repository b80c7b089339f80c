"""How each step of a plan is streamed as a Responses output item: the objects and the events between them.

Source: OpenAI Responses API, streaming events of message, reasoning, function and custom tool call items.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from codexd.scripted.plan import Call, Incomplete, Message, Plan, Search, Step, Thought

Object: TypeAlias = dict[str, Any]
Event: TypeAlias = tuple[str, Object]
"""The name of an event, and its members beside the place of the item."""


@frozen
class Item:
    """One output item: announced as `opened`, streamed, then given whole as `finished`."""

    opened: Object
    finished: Object
    place: Object
    """The members that every event within the item has."""
    opening: tuple[Event, ...]
    delta: str
    """The name of the delta events; empty where there are none."""
    extra: Object
    """The members of a delta event beside its place and `delta`."""
    closing: tuple[Event, ...]


def item(plan: Plan, position: int) -> Item:
    """Prepare the item at a position of the plan."""
    step = plan.steps[position]
    return _KINDS[type(step)](plan, position, step)


def _message(plan: Plan, position: int, step: Message) -> Item:
    cut_short = isinstance(plan.ending, Incomplete) and position == len(plan.steps) - 1
    head = {"id": plan.identifier("msg", position), "type": "message", "role": "assistant"}
    if step.refused:
        return _refusal(head, position, step)
    notes = [] if step.source is None else [citation(step.text, step.source)]
    part = _text_part(step.text, notes)
    noted = ({"annotation_index": index, "annotation": note} for index, note in enumerate(notes))
    return Item(
        opened={**head, "status": "in_progress", "content": []},
        finished={**head, "status": "incomplete" if cut_short else "completed", "content": [part]},
        place={"item_id": head["id"], "output_index": position, "content_index": 0},
        opening=(("response.content_part.added", {"part": _text_part("")}),),
        delta="response.output_text.delta",
        extra={"logprobs": []},
        closing=(
            *(("response.output_text.annotation.added", members) for members in noted),
            ("response.output_text.done", {"text": step.text, "logprobs": []}),
            ("response.content_part.done", {"part": part}),
        ),
    )


def _refusal(head: Object, position: int, step: Message) -> Item:
    part = {"type": "refusal", "refusal": step.text}
    return Item(
        opened={**head, "status": "in_progress", "content": []},
        finished={**head, "status": "completed", "content": [part]},
        place={"item_id": head["id"], "output_index": position, "content_index": 0},
        opening=(("response.content_part.added", {"part": {"type": "refusal", "refusal": ""}}),),
        delta="response.refusal.delta",
        extra={},
        closing=(
            ("response.refusal.done", {"refusal": step.text}),
            ("response.content_part.done", {"part": part}),
        ),
    )


def citation(text: str, source: str) -> Object:
    """Note on a whole text that it comes from a web page."""
    place = {"start_index": 0, "end_index": len(text)}
    return {"type": "url_citation", "url": source, "title": "What was found", **place}


def _text_part(text: str, notes: Sequence[Object] = ()) -> Object:
    return {"type": "output_text", "text": text, "annotations": list(notes), "logprobs": []}


def _thought(plan: Plan, position: int, step: Thought) -> Item:
    head = {"id": plan.identifier("rs", position), "type": "reasoning"}
    part = {"type": "summary_text", "text": step.text}
    return Item(
        opened={**head, "summary": []},
        finished={**head, "summary": [part], "encrypted_content": plan.identifier("encrypted", position)},
        place={"item_id": head["id"], "output_index": position, "summary_index": 0},
        opening=(("response.reasoning_summary_part.added", {"part": {"type": "summary_text", "text": ""}}),),
        delta="response.reasoning_summary_text.delta",
        extra={},
        closing=(
            ("response.reasoning_summary_text.done", {"text": step.text}),
            ("response.reasoning_summary_part.done", {"part": part}),
        ),
    )


def _call(plan: Plan, position: int, step: Call) -> Item:
    kind, prefix, member, event = _CUSTOM if step.custom else _FUNCTION
    head = {
        "id": plan.identifier(prefix, position),
        "type": kind,
        "call_id": plan.identifier("call", position),
        "name": step.name,
        **({"namespace": step.namespace} if step.namespace else {}),
    }
    named = {} if step.custom else {"name": step.name}
    return Item(
        opened={**head, "status": "in_progress", member: ""},
        finished={**head, "status": "completed", member: step.arguments},
        place={"item_id": head["id"], "output_index": position},
        opening=(),
        delta=f"{event}.delta",
        extra={},
        closing=((f"{event}.done", {**named, member: step.arguments}),),
    )


def _search(plan: Plan, position: int, step: Search) -> Item:
    head = {"id": plan.identifier("ws", position), "type": "web_search_call"}
    action = {"type": "search", "query": step.query, "queries": [step.query]}
    event = "response.web_search_call"
    return Item(
        opened={**head, "status": "in_progress", "action": action},
        finished={**head, "status": "completed", "action": action},
        place={"item_id": head["id"], "output_index": position},
        opening=((f"{event}.in_progress", {}), (f"{event}.searching", {})),
        delta="",
        extra={},
        closing=((f"{event}.completed", {}),),
    )


_FUNCTION = ("function_call", "fc", "arguments", "response.function_call_arguments")
_CUSTOM = ("custom_tool_call", "ctc", "input", "response.custom_tool_call_input")

_KINDS: dict[type[Step], Callable[[Plan, int, Any], Item]] = {
    Message: _message,
    Thought: _thought,
    Call: _call,
    Search: _search,
}
