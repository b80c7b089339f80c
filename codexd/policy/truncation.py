"""Truncation of histories that are too long (OpenAI Responses, `truncation: "auto"`).

Whole exchanges are dropped first, each from one user message to the next; then, of the items after the last
user message, whole rounds of calls and results, except the last one. System and developer messages at the
beginning are kept, and so is the last user message. A call and its result are kept or dropped together.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from attrs import evolve

from codexd.neutral.turn import Compaction, Item, Message, ToolCall, ToolResult, Turn

STEPS: Final = 4
"""The dropped part grows in steps of this fraction of the limit. A conversation that continues is therefore
mostly truncated at the same place as before, so that its idle thread and the provider's cache stay usable."""


def truncate(turn: Turn, limit: Callable[[Turn], int | None], size: Callable[[Item], int]) -> Turn:
    """Truncate the history of a turn if it is too long and the client permits it.

    Args:
        turn: the turn.
        limit: returns the maximum size of its history; None if unknown.
        size: returns the size of an item, in the same unit.
    """
    if turn.truncation != "auto" or (limit_size := limit(turn)) is None:
        return turn
    kept = drop_oldest(turn.items, limit_size, size)
    return turn if len(kept) == len(turn.items) else evolve(turn, items=kept)


def drop_oldest(items: tuple[Item, ...], limit: int, size: Callable[[Item], int]) -> tuple[Item, ...]:
    """Drop the oldest items until the history fits, or until nothing more can be dropped.

    Args:
        items: the history.
        limit: its maximum size.
        size: returns the size of an item, in the same unit.
    """
    sizes = [size(item) for item in items]
    excess = sum(sizes) - limit
    if excess <= 0:
        return items
    step = max(limit // STEPS, 1)
    remaining = -(-excess // step) * step
    dropped: set[int] = set()
    for span in _droppable_spans(items):
        if remaining <= 0:
            break
        dropped.update(span)
        remaining -= sum(sizes[index] for index in span)
    return tuple(item for index, item in enumerate(items) if index not in dropped)


def _droppable_spans(items: tuple[Item, ...]) -> Iterator[range]:
    """Yield the spans that can be dropped, in the order in which they are dropped."""
    users = [index for index, item in enumerate(items) if _is_user(item)]
    head = next((index for index, item in enumerate(items) if not _is_system(item)), len(items))
    last = users[-1] if users else head - 1
    inside = _inside_pairs(items)
    exchanges = [head, *(index for index in users if index > head)]
    rounds = [last + 1, *(index for index in range(last + 2, len(items)) if _begins_round(items, index))]
    for borders in (exchanges, rounds):
        for start, end in pairwise(index for index in borders if index not in inside):
            yield range(start, end)


def _inside_pairs(items: tuple[Item, ...]) -> set[int]:
    """Return the positions where a cut would separate a call from its result. Call ids may repeat."""
    calls: dict[str, int] = {}
    inside: set[int] = set()
    for index, item in enumerate(items):
        if isinstance(item, ToolCall):
            calls[item.call_id] = index
        elif isinstance(item, ToolResult) and item.call_id in calls:
            inside.update(range(calls.pop(item.call_id) + 1, index + 1))
    return inside


def _is_system(item: Item) -> bool:
    """Return whether an item is kept at the beginning; a summary stands for much more than it takes up."""
    return isinstance(item, Compaction) or (isinstance(item, Message) and item.role in ("system", "developer"))


def _is_user(item: Item) -> bool:
    return isinstance(item, Message) and item.role == "user"


def _is_from_model(item: Item) -> bool:
    return not isinstance(item, ToolResult | Message) or (isinstance(item, Message) and item.role == "assistant")


def _begins_round(items: tuple[Item, ...], index: int) -> bool:
    return _is_from_model(items[index]) and not _is_from_model(items[index - 1])
