"""Tool calls in the habits of servers that break OpenAI's rules for fragments."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from attrs import evolve
from hypothesis import strategies as st

from tests.support.chat_chunks import Chunk, ModelCall, calls, chunk
from tests.support.chunking import chunkings

Entries = list[Chunk]
_PLACEHOLDERS: Final[tuple[Chunk, ...]] = (
    {},
    {"index": 0, "function": {"arguments": ""}},
    {"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": ""}},
)


def _count_fragments(entries: Entries, at: Iterator[int]) -> Entries:
    """Number the fragments instead of the calls."""
    return [{**entry, "index": next(at)} for entry in entries]


def _renew_ids(entries: Entries, at: Iterator[int]) -> Entries:
    """Return the entries with an id of its own in each fragment."""
    first, *rest = entries
    return [first, *({**entry, "id": f"other_{next(at)}"} for entry in rest)]


def _blank_ids(entries: Entries, at: Iterator[int]) -> Entries:
    first, *rest = entries
    return [first, *({**entry, "id": (" ", "", "null")[next(at) % 3]} for entry in rest)]


def _repeat_names(entries: Entries, at: Iterator[int]) -> Entries:
    """Repeat id and name with each fragment."""
    first, *rest = entries
    name = first["function"]["name"]
    return [first, *({**entry, "id": first["id"], "function": {"name": name, **entry["function"]}} for entry in rest)]


def _begin_with_empty_object(entries: Entries, at: Iterator[int]) -> Entries:
    first, *rest = entries
    return [{**first, "function": {**first["function"], "arguments": "{}"}}, *rest]


def _put_all_at_index_0(entries: Entries, at: Iterator[int]) -> Entries:
    return [{**entry, "index": 0} for entry in entries]


_INDEX_HABITS: Final = (None, _count_fragments, _put_all_at_index_0)
_ID_HABITS: Final = (None, _renew_ids, _blank_ids, _repeat_names)
Habit = Callable[[Entries, Iterator[int]], Entries]


@st.composite
def habitual_calls(draw: st.DrawFn) -> tuple[list[ModelCall], list[Chunk]]:
    """Draw calls, with the chunks in which a server sends them one after another.

    The second and later calls have no id of their own where the server gives all calls one id.
    """
    made, numbers = draw(calls()), count()
    index_habit, id_habit = draw(st.sampled_from(_INDEX_HABITS)), draw(st.sampled_from(_ID_HABITS))
    # Where the name comes again, a new index is a new call.
    habits: list[Habit | None] = [index_habit if id_habit is not _repeat_names else None, id_habit]
    habits.append(draw(st.sampled_from((None, _begin_with_empty_object))))
    one_id = all(call.arguments != "{}" for call in made) and draw(st.booleans())
    if one_id:  # Only whole calls can be told from one another.
        entries = [_whole(call, made[0].id) for call in made]
        shown = [made[0], *(evolve(call, id=None) for call in made[1:])]
        return shown, _place(draw, [[entry] for entry in entries])
    runs = []
    for at, call in enumerate(made):
        entries = _split(draw, call, at)
        for habit in habits:
            entries = entries if habit is None else habit(entries, numbers)
        runs.append(entries)
    return made, _place(draw, [[entry] for run in runs for entry in run])


def _whole(call: ModelCall, id: str | None) -> Chunk:
    return {"index": 0, "id": id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _split(draw: st.DrawFn, call: ModelCall, at: int) -> Entries:
    head = {"index": at, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    pieces = [piece for piece in draw(chunkings(call.arguments)) if piece]
    return [head, *({"index": at, "function": {"arguments": piece}} for piece in pieces)]


def _place(draw: st.DrawFn, fragments: list[Entries]) -> list[Chunk]:
    """Put the fragments into chunks, whose choices may count up, with placeholders among them."""
    for place in sorted(draw(st.lists(st.integers(0, len(fragments)), max_size=2)), reverse=True):
        fragments.insert(place, [draw(st.sampled_from(_PLACEHOLDERS))])
    counts_choices = draw(st.booleans())
    chunks = [chunk({"tool_calls": entries}) for entries in fragments]
    for number, one in enumerate(chunks):
        one["choices"][0]["index"] = number if counts_choices else 0
    return chunks
