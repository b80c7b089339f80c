"""Which earlier conversation a request goes on with: fingerprints of histories.

A history is read in blocks: each user or developer message, each tool result, and each unbroken run of the
assistant's items. A run counts by what every dialect sends back of it, its text and its calls: reasoning,
searches, annotations and item ids get lost on the way through some clients and do not count, nor does a run
of nothing else.
"""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import groupby

from attrs import frozen

from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Item,
    Message,
    Part,
    Reasoning,
    RefusalPart,
    Search,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
)


@frozen
class Prefix:
    """The first `count` items of a history, by their fingerprint."""

    count: int
    digest: bytes


@frozen
class Keys:
    """What a request may find a kept thread by.

    Attributes:
        thread: how its thread is set up, whose it is above all, and what a turn sets that stays set for the
            thread's next (effort, summary, service tier).
        turn: that, and how its turn is: fixed while a turn is suspended.
        prefixes: the history, shortest first.
    """

    thread: bytes
    turn: bytes
    prefixes: tuple[Prefix, ...]


def keys(turn: Turn, profile: str) -> Keys:
    """Fingerprint a request."""
    thread = _digest(
        b"thread",
        turn.principal,
        profile,
        turn.model,
        repr(turn.instructions),
        repr(turn.tools),
        repr(turn.tool_choice),
        repr(turn.parallel_tool_calls),
        repr(turn.verbosity),
        repr(turn.thinking),
        repr(turn.service_tier),
        repr(turn.web_search),
    )
    return Keys(thread, _digest(thread, repr(turn.format)), prefixes(turn.items))


def prefixes(items: tuple[Item, ...]) -> tuple[Prefix, ...]:
    """Fingerprint a history at each end of a block, shortest first; the cost is linear in its size."""
    found: list[Prefix] = []
    digest, count = b"", 0
    for block in _blocks(items):
        count += len(block)
        digest = _longer(digest, block)
        found.append(Prefix(count, digest))
    return tuple(found)


def whole(items: tuple[Item, ...]) -> bytes:
    """Fingerprint a whole history."""
    found = prefixes(items)
    return found[-1].digest if found else b""


def extended(known: tuple[Prefix, ...], items: tuple[Item, ...], more: tuple[Item, ...]) -> bytes:
    """Fingerprint a history whose prefixes are known, with more at its end: `whole(items + more)`."""
    if not items or _by_assistant(items[-1]):
        return whole(items + more)
    digest = known[-1].digest
    for block in _blocks(more):
        digest = _longer(digest, block)
    return digest


def results(rest: tuple[Item, ...]) -> tuple[ToolResult, ...] | None:
    """Give what follows a prefix as tool results, if it is nothing else."""
    found = tuple(item for item in rest if isinstance(item, ToolResult))
    return found if found and len(found) == len(rest) else None


def _longer(digest: bytes, block: tuple[Item, ...]) -> bytes:
    words = tuple(_words(block))
    return _digest(digest, *words) if words else digest


def _blocks(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    for spoken, run in groupby(items, _by_assistant):
        if spoken:
            yield tuple(run)
        else:
            yield from ((item,) for item in run)


def _by_assistant(item: Item) -> bool:
    return isinstance(item, ToolCall | Reasoning | Search) or (
        isinstance(item, Message) and item.role == "assistant"
    )


def _words(block: tuple[Item, ...]) -> Iterator[str]:
    first = block[0]
    if isinstance(first, ToolResult):
        yield from ("result", first.call_id, str(first.success), *_parts(first.parts))
    elif isinstance(first, Message) and first.role != "assistant":
        yield from ("said", first.role, *_parts(first.parts))
    else:
        text, calls = "".join(_spoken(block)), [item for item in block if isinstance(item, ToolCall)]
        if text or calls:
            yield from ("assistant", text)
        for call in calls:
            yield from ("call", call.call_id, call.namespace or "", call.name, call.arguments)


def _spoken(block: tuple[Item, ...]) -> Iterator[str]:
    for item in block:
        if isinstance(item, Message):
            yield from (part.text for part in item.parts if isinstance(part, TextPart | RefusalPart))


def _parts(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case TextPart(text) | RefusalPart(text):
                yield from ("text", text)
            case ImagePart(url, detail):
                yield from ("image", url, detail or "")
            case FilePart(data, filename):
                yield from ("file", data, filename or "")
            case AudioPart(data, format):
                yield from ("audio", data, format)


def _digest(start: bytes, *words: str) -> bytes:
    hashed = blake2b(start, digest_size=16)
    for word in words:
        text = word.encode()
        # The length keeps ("ab", "c") and ("a", "bc") apart.
        hashed.update(b"%d:" % len(text))
        hashed.update(text)
    return hashed.digest()
