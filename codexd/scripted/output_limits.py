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
    steps, _ = output
    for at, step in enumerate(steps):
        if not isinstance(step, ScriptedMessage):
            continue
        places = [place for stop in stops if (place := step.text.find(stop)) >= 0]
        if places:
            return (
                *steps[:at],
                evolve(step, pieces=_take_characters(step.pieces, min(places))),
            ), CompletedEnding()
    return output


def apply_token_limit(output: PlannedOutput, max_tokens: int | None) -> PlannedOutput:
    """Truncate an answer after `max_tokens`. Each non-empty delta of messages and reasoning is a token."""
    steps, _ = output
    remaining = max_tokens
    for at, step in enumerate(steps):
        if remaining is None or not isinstance(step, ScriptedMessage | ScriptedReasoning):
            continue
        tokens = sum(piece != "" for piece in step.pieces)
        if tokens > remaining:
            kept = [piece for piece in step.pieces if piece][:remaining]
            return (*steps[:at], evolve(step, pieces=tuple(kept))), IncompleteEnding("max_output_tokens")
        remaining -= tokens
    return output


def _take_characters(pieces: tuple[str, ...], characters: int) -> tuple[str, ...]:
    """Return the pieces up to a number of characters."""
    kept = []
    for piece in pieces:
        kept.append(piece[:characters])
        characters -= len(kept[-1])
    return tuple(piece for piece in kept if piece)
