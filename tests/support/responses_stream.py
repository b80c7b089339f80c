"""A Responses client: reads a stream, checks the order of its events, and merges them.

Written from the contract alone; it shares no code with the encoder under test.
"""

from collections.abc import Iterable
from copy import deepcopy

from attrs import Factory, define

from codexd.wire.json import Json, decode
from codexd.wire.sse import SseDecoder

OPENING = ["response.created", "response.in_progress"]
QUEUED = ["response.created", "response.queued", "response.in_progress"]
TERMINAL = ("response.completed", "response.incomplete", "response.failed")

# delta event -> (the list the text grows in, its counter, the member that grows)
GROWS = {
    "response.output_text.delta": ("content", "content_index", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "text"),
    "response.function_call_arguments.delta": (None, None, "arguments"),
    "response.custom_tool_call_input.delta": (None, None, "input"),
}
PARTS = {"response.content_part": "content_index", "response.reasoning_summary_part": "summary_index"}

SEARCHES = {None: "in_progress", "in_progress": "searching", "searching": "completed"}


class ContractError(AssertionError):
    """The stream breaks a rule of the contract."""


def read(data: bytes) -> list[Json]:
    """Read a stream's events; the event line must equal the type in the data."""
    events = []
    for frame in SseDecoder().receive(data):
        event = decode(frame.data)
        if frame.event != event["type"].encode():
            raise ContractError(f"event line {frame.event!r} over data of {event['type']}")
        events.append(event)
    return events


def accumulate(events: Iterable[Json]) -> Json:
    """Merge a stream as a simple client does: from `added` events and deltas, never from a full text."""
    response: Json = {}
    items: dict[int, Json] = {}
    for event in events:
        kind = event["type"]
        if "response" in event:
            response = event["response"]
        elif kind == "response.output_item.added":
            items[event["output_index"]] = deepcopy(event["item"])
        elif kind == "response.output_item.done":
            _settle(items[event["output_index"]], event["item"])
        elif kind.endswith("_part.added"):
            held = "summary" if "summary" in kind else "content"
            items[event["output_index"]].setdefault(held, []).append(deepcopy(event["part"]))
        elif kind in GROWS:
            _add(items[event["output_index"]], event)
        elif kind == "response.output_text.annotation.added":
            _annotate(items[event["output_index"]], event)
    for item in items.values():
        _mark_incomplete(item)
    return response | {"output": [items[index] for index in sorted(items)]}


def _add(item: Json, event: Json) -> None:
    held, counter, member = GROWS[event["type"]]
    grown = item if held is None else item[held][event[counter]]
    grown[member] += event["delta"]
    if "logprobs" in grown:
        grown["logprobs"] += event["logprobs"]


def _annotate(item: Json, event: Json) -> None:
    noted = item["content"][event["content_index"]]["annotations"]
    _require(event["annotation_index"] == len(noted), "annotations are numbered from 0 without gaps")
    noted.append(event["annotation"])


def _settle(item: Json, done: Json) -> None:
    """Copy from the finished item what no delta has: status, encrypted content, search action or arguments."""
    item |= {name: done[name] for name in ("status", "encrypted_content", "action") if name in done}
    if item["type"] == "tool_search_call":
        item["arguments"] = done["arguments"]


def _mark_incomplete(item: Json) -> None:
    """Mark an item that a failure left open as incomplete; an empty message gets one empty part."""
    if item["status"] == "in_progress":
        item["status"] = "incomplete"
        if item.get("content") == []:
            item["content"] = [{"type": "output_text", "text": "", "annotations": [], "logprobs": []}]


@define(kw_only=True)
class _Item:
    """The state of one item of the stream."""

    identity: tuple[str, ...]
    id: str
    texts: dict[tuple[str, int], str] = Factory(dict)
    open: set[tuple[str, int]] = Factory(set)
    stage: str | None = None
    done: bool = False


def check(events: list[Json]) -> None:
    """Check a whole stream against section 1.3 of the contract.

    Raises:
        ContractError: with the rule that is violated.
    """
    kinds = [event["type"] for event in events]
    opening = QUEUED if events[0]["response"]["background"] else OPENING
    _require(kinds[: len(opening)] == opening, f"begins with {opening}")
    _require([kind for kind in kinds if kind in TERMINAL] == kinds[-1:], "one terminal event, the last")
    numbers = [event["sequence_number"] for event in events]
    _require(numbers == list(range(len(events))), "numbered from 0 without gaps")
    _require(len({event["response"]["id"] for event in events if "response" in event}) == 1, "one response id")
    items: list[_Item] = []
    finished: dict[int, Json] = {}
    for event in events:
        _follow(event, items, finished)
    if events[-1]["response"]["status"] not in ("failed", "cancelled"):
        _require(all(item.done for item in items), "every item is done")
        output = [finished[index] for index in sorted(finished)]
        _require(events[-1]["response"]["output"] == output, "the final output is the done items")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ContractError(rule)


def _identity(item: Json) -> tuple[str, ...]:
    return (item["type"], item["id"], item.get("call_id", ""), item.get("name", ""))


def _follow(event: Json, items: list[_Item], finished: dict[int, Json]) -> None:
    kind = event["type"]
    if kind == "response.output_item.added":
        _require(event["output_index"] == len(items), "items are added in order, each once")
        _require(event["item"]["status"] == "in_progress", "an added item is in progress")
        grown = ("content", "summary", "arguments", "input")
        _require(not any(event["item"].get(name) for name in grown), "an added item is empty")
        items.append(_Item(identity=_identity(event["item"]), id=event["item"]["id"]))
    elif kind == "response.output_item.done":
        item = items[event["output_index"]]
        _require(not item.done and not item.open, "an item is done once, after its parts")
        _require(_identity(event["item"]) == item.identity, "an item stays itself")
        item.done = True
        finished[event["output_index"]] = event["item"]
    elif "item_id" in event:
        item = items[event["output_index"]]
        _require(not item.done and event["item_id"] == item.id, "events name the open item they belong to")
        _grow(event, item)


def _grow(event: Json, item: _Item) -> None:
    family, _, stage = event["type"].rpartition(".")
    if family == "response.web_search_call":
        _require(stage == SEARCHES[item.stage], "a search is in progress, searches, is completed")
        item.stage = stage
        return
    if family == "response.output_text.annotation":
        _require(("content_index", event["content_index"]) in item.open, "annotations are of an open part")
        return
    if family in PARTS:
        place = (PARTS[family], event[PARTS[family]])
        whole = event["part"].get("text", event["part"].get("refusal"))
        if stage == "added":
            before = [number for counter, number in item.texts if counter == place[0]]
            _require(place[1] == len(before) and whole == "", "parts are added in order, each once and empty")
            item.open.add(place)
            item.texts[place] = ""
        else:
            _require(place in item.open and whole == item.texts[place], "a part is done once and whole")
            item.open.remove(place)
        return
    _, counter, member = GROWS[family + ".delta"]
    place = (counter, event[counter]) if counter else ("", 0)
    _require(not counter or place in item.open, "texts grow inside an added part")
    if stage == "delta":
        item.texts[place] = item.texts.get(place, "") + event["delta"]
    else:
        _require(event[member] == item.texts.get(place, ""), "the whole text is its deltas")
