"""Apply the limits of a request: stop sequences and the maximum number of tokens."""

from typing import TypeAlias

from attrs import evolve

from codexd.scripted.answer_plan import (
    CompletedEnding,
    Ending,
    IncompleteEnding,
    ScriptedItem,
    ScriptedMessage,
    ScriptedReasoning,
)

PlannedOutput: TypeAlias = tuple[tuple[ScriptedItem, ...], Ending]


def apply_stop_sequences(output: PlannedOutput, stops: tuple[str, ...]) -> PlannedOutput:
    """End an answer before the first stop sequence in one of its messages."""
    items, _ = output
    for at, item in enumerate(items):
        if not isinstance(item, ScriptedMessage):
            continue
        places = [place for stop in stops if (place := item.text.find(stop)) >= 0]
        if places:
            return (
                *items[:at],
                evolve(item, deltas=_take_characters(item.deltas, min(places))),
            ), CompletedEnding()
    return output


def apply_token_limit(output: PlannedOutput, max_tokens: int | None) -> PlannedOutput:
    """Truncate an answer after `max_tokens`. Each non-empty delta of messages and reasoning is a token."""
    items, _ = output
    remaining = max_tokens
    for at, item in enumerate(items):
        if remaining is None or not isinstance(item, ScriptedMessage | ScriptedReasoning):
            continue
        tokens = sum(delta != "" for delta in item.deltas)
        if tokens > remaining:
            kept = [delta for delta in item.deltas if delta][:remaining]
            return (*items[:at], evolve(item, deltas=tuple(kept))), IncompleteEnding("max_output_tokens")
        remaining -= tokens
    return output


def _take_characters(deltas: tuple[str, ...], characters: int) -> tuple[str, ...]:
    """Return the deltas up to a number of characters."""
    kept = []
    for delta in deltas:
        kept.append(delta[:characters])
        characters -= len(kept[-1])
    return tuple(delta for delta in kept if delta)
