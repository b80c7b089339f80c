"""Histories that are too long (OpenAI Responses, `truncation: "auto"`): what of their beginning is left out.

Whole exchanges go first, each from a user's message to the next; then, of what came after the last user's
message, whole rounds of calls and results, but for the last. System and developer messages at the head stay,
and so does the last user's message. A call and its result stay or go together.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from attrs import evolve

from codexd.neutral.turn import Item, Message, ToolCall, ToolResult, Turn

STEPS: Final = 4
"""What is left out grows by this part of the room at once. So a conversation that goes on is mostly cut where
it was cut before, and what was kept of it (a thread, a cache) stays of use."""


def shortened(turn: Turn, room: Callable[[Turn], int | None], size: Callable[[Item], int]) -> Turn:
    """Ask the same with a history that fits, if the client wants that and it does not.

    Args:
        turn: what is asked.
        room: tells how large its history may be; None where nobody knows.
        size: gives the size of an item, in the same measure.
    """
    if turn.truncation != "auto" or (most := room(turn)) is None:
        return turn
    kept = fitting(turn.items, most, size)
    return turn if len(kept) == len(turn.items) else evolve(turn, items=kept)


def fitting(items: tuple[Item, ...], room: int, size: Callable[[Item], int]) -> tuple[Item, ...]:
    """Leave out as much of a history as it takes to fit; all that may be, if that is not enough.

    Args:
        items: the history.
        room: how large it may be.
        size: gives the size of an item, in the same measure.
    """
    sizes = [size(item) for item in items]
    excess = sum(sizes) - room
    if excess <= 0:
        return items
    step = max(room // STEPS, 1)
    left_out = -(-excess // step) * step
    gone: set[int] = set()
    for piece in _pieces(items):
        if left_out <= 0:
            break
        gone.update(piece)
        left_out -= sum(sizes[place] for place in piece)
    return tuple(item for place, item in enumerate(items) if place not in gone)


def _pieces(items: tuple[Item, ...]) -> Iterator[range]:
    """Give what can be left out, in the order in which it is."""
    users = [place for place, item in enumerate(items) if _by_user(item)]
    head = next((place for place, item in enumerate(items) if not _at_head(item)), len(items))
    last = users[-1] if users else head - 1
    within = _within_pairs(items)
    exchanges = [head, *(place for place in users if place > head)]
    rounds = [last + 1, *(place for place in range(last + 2, len(items)) if _begins_round(items, place))]
    for borders in (exchanges, rounds):
        for start, end in pairwise(place for place in borders if place not in within):
            yield range(start, end)


def _within_pairs(items: tuple[Item, ...]) -> set[int]:
    """Give the places at which a cut would part a call from its result; ids may come again."""
    called: dict[str, int] = {}
    within: set[int] = set()
    for place, item in enumerate(items):
        if isinstance(item, ToolCall):
            called[item.call_id] = place
        elif isinstance(item, ToolResult) and item.call_id in called:
            within.update(range(called.pop(item.call_id) + 1, place + 1))
    return within


def _at_head(item: Item) -> bool:
    return isinstance(item, Message) and item.role in ("system", "developer")


def _by_user(item: Item) -> bool:
    return isinstance(item, Message) and item.role == "user"


def _by_assistant(item: Item) -> bool:
    return not isinstance(item, ToolResult | Message) or (
        isinstance(item, Message) and item.role == "assistant"
    )


def _begins_round(items: tuple[Item, ...], place: int) -> bool:
    return _by_assistant(items[place]) and not _by_assistant(items[place - 1])
