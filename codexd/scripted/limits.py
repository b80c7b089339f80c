"""What a request limits: an answer ends before a stop sequence, and after so many tokens."""

from typing import TypeAlias

from attrs import evolve

from codexd.scripted.plan import Completed, Ending, Incomplete, Message, Step, Thought

Said: TypeAlias = tuple[tuple[Step, ...], Ending]


def stopped(said: Said, stops: tuple[str, ...]) -> Said:
    """End an answer before the first of these texts that one of its messages holds."""
    steps, _ = said
    for at, step in enumerate(steps):
        if not isinstance(step, Message):
            continue
        places = [place for stop in stops if (place := step.text.find(stop)) >= 0]
        if places:
            return (*steps[:at], evolve(step, pieces=_first(step.pieces, min(places)))), Completed()
    return said


def shortened(said: Said, most: int | None) -> Said:
    """Cut an answer after so many tokens: each delta of its messages and thoughts that has text is one."""
    steps, _ = said
    left = most
    for at, step in enumerate(steps):
        if left is None or not isinstance(step, Message | Thought):
            continue
        tokens = sum(piece != "" for piece in step.pieces)
        if tokens > left:
            kept = [piece for piece in step.pieces if piece][:left]
            return (*steps[:at], evolve(step, pieces=tuple(kept))), Incomplete("max_output_tokens")
        left -= tokens
    return said


def _first(pieces: tuple[str, ...], characters: int) -> tuple[str, ...]:
    """Give what of the pieces lies within the first characters."""
    kept = []
    for piece in pieces:
        kept.append(piece[:characters])
        characters -= len(kept[-1])
    return tuple(piece for piece in kept if piece)
