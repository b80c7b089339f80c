"""Fingerprints of histories, to find the thread that a request continues.

A history is divided into blocks: each user or developer message, each tool result, and each uninterrupted run
of the assistant's items. Only the text and the calls of a run count, which every dialect sends back.
Reasoning, searches, annotations and item ids, which some clients lose, do not count, nor does a run without
text and calls. How the arguments of a function are spelled does not count, either: clients parse them and write
them again. The input of a custom tool is not JSON, and counts as it is.
"""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import groupby

from codexd.neutral.records import frozen
from codexd.neutral.turn import (
    AudioPart,
    Compaction,
    FilePart,
    ImagePart,
    Item,
    Message,
    Part,
    Reasoning,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
    WebSearchCall,
)
from codexd.wire.canonical_json import canonical_text


@frozen
class HistoryPrefix:
    """The fingerprint of the first `count` items of a history."""

    count: int
    digest: bytes


@frozen
class TurnFingerprints:
    """The keys by which a request finds an idle or suspended thread.

    Attributes:
        thread: the fingerprint of the thread's settings: above all the principal, and the settings of a turn
            that persist for the thread's next turns (effort, summary, service tier).
        turn: the fingerprint of the thread's and the turn's settings, which a suspended turn cannot change.
        prefixes: the fingerprints of the history's prefixes, shortest first.
    """

    thread: bytes
    turn: bytes
    prefixes: tuple[HistoryPrefix, ...]


def fingerprint_turn(turn: Turn, profile: str) -> TurnFingerprints:
    """Compute the fingerprints of a request."""
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
        repr(turn.reasoning),
        repr(turn.service_tier),
        repr(turn.web_search),
    )
    return TurnFingerprints(thread, _digest(thread, repr(turn.format)), fingerprint_prefixes(turn.items))


def fingerprint_prefixes(items: tuple[Item, ...]) -> tuple[HistoryPrefix, ...]:
    """Compute the fingerprint at the end of each block, shortest prefix first, in linear time."""
    found: list[HistoryPrefix] = []
    digest, count = b"", 0
    for block in _blocks(items):
        count += len(block)
        digest = _extend_digest(digest, block)
        found.append(HistoryPrefix(count, digest))
    return tuple(found)


def fingerprint_history(items: tuple[Item, ...]) -> bytes:
    """Compute the fingerprint of a whole history."""
    found = fingerprint_prefixes(items)
    return found[-1].digest if found else b""


def fingerprint_extended(known: tuple[HistoryPrefix, ...], items: tuple[Item, ...], more: tuple[Item, ...]) -> bytes:
    """Compute `fingerprint_history(items + more)` from the known prefixes of `items`."""
    if not items or _is_from_model(items[-1]):
        return fingerprint_history(items + more)
    digest = known[-1].digest
    for block in _blocks(more):
        digest = _extend_digest(digest, block)
    return digest


def as_tool_results(rest: tuple[Item, ...]) -> tuple[ToolResult, ...] | None:
    """Return the items that follow a prefix if all of them are tool results; None otherwise or if empty."""
    found = tuple(item for item in rest if isinstance(item, ToolResult))
    return found if found and len(found) == len(rest) else None


def _extend_digest(digest: bytes, block: tuple[Item, ...]) -> bytes:
    words = tuple(_digest_words(block))
    return _digest(digest, *words) if words else digest


def _blocks(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    for from_model, run in groupby(items, _is_from_model):
        if from_model:
            yield tuple(run)
        else:
            yield from ((item,) for item in run)


def _is_from_model(item: Item) -> bool:
    return isinstance(item, ToolCall | Reasoning | WebSearchCall) or (
        isinstance(item, Message) and item.role == "assistant"
    )


def _digest_words(block: tuple[Item, ...]) -> Iterator[str]:
    first = block[0]
    if isinstance(first, ToolResult):
        yield from ("result", first.call_id, str(first.success), *_parts(first.parts))
    elif isinstance(first, Compaction):
        yield from ("compaction", first.summary or "", first.encrypted or "")
    elif isinstance(first, Message) and first.role != "assistant":
        yield from ("said", first.role, *_parts(first.parts))
    else:
        text, calls = "".join(_text_parts(block)), [item for item in block if isinstance(item, ToolCall)]
        if text or calls:
            yield from ("assistant", text)
        for call in calls:
            yield from ("call", call.call_id, call.namespace or "", call.name, _arguments(call))


def _arguments(call: ToolCall) -> str:
    """Return the arguments of a call in a form that all spellings share; none are the same as an empty object."""
    if call.kind == "custom":
        return call.arguments
    return canonical_text(call.arguments) if call.arguments.strip() else "{}"


def _text_parts(block: tuple[Item, ...]) -> Iterator[str]:
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
