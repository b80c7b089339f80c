"""The one rule by which text parts become one text: each part begins on a new line.

It applies wherever a protocol needs a single string. Where it has parts, parts stay parts. Deltas of one text are
not parts; they are concatenated.
"""

from collections.abc import Iterable

from attrs import evolve

from codexd.neutral.turn import Part, RefusalPart, TextPart


def join_texts(texts: Iterable[str]) -> str:
    """Join the texts of parts by newlines, as vLLM and llama.cpp do; an empty part adds no line."""
    return "\n".join(text for text in texts if text)


def join_text_parts(parts: Iterable[Part]) -> str:
    """Join the parts that are text; a refusal counts as its text."""
    return join_texts(part.text for part in parts if isinstance(part, TextPart | RefusalPart))


def merge_adjacent_texts(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Join each run of text parts to one part; a part with annotations begins a new run."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(last, TextPart) and isinstance(part, TextPart) and not part.annotations:
            merged[-1] = evolve(last, text=join_texts((last.text, part.text)))
        else:
            merged.append(part)
    return tuple(merged)
