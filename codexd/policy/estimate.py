"""Estimated token counts, for where no provider counts them. Every estimated Usage is marked as one.

One token for every four UTF-8 bytes, rounded up: OpenAI's own rule of thumb for English. The estimate does
not depend on how a text is split into deltas. It also applies `max_tokens`, which the child does not support.
"""

from collections.abc import Iterable
from typing import Final

from codexd.neutral.event import Usage
from codexd.neutral.forwarded import ForwardedRequest
from codexd.neutral.turn import (
    Compaction,
    FilePart,
    ImagePart,
    Item,
    Message,
    Reasoning,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
    WebSearchCall,
)

BYTES_PER_TOKEN: Final = 4
USABLE_SHARE: Final = 0.8
"""The share of a context window that the input may fill; the rest is for the output and estimation errors."""

IMAGE_TOKENS: Final = 1000
"""About what OpenAI's models count for an image in full detail."""


def text_tokens(size_bytes: int) -> int:
    """Return the estimated tokens of a text of this many UTF-8 bytes."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def usage(turn: Turn, output_bytes: int) -> Usage:
    """Return the estimated usage of a turn with this many UTF-8 bytes of output."""
    size = _size_bytes(turn.items) + len((turn.instructions or "").encode())
    return Usage(input_tokens=text_tokens(size), output_tokens=text_tokens(output_bytes), estimated=True)


def input_tokens(turn: Turn) -> int:
    """Return the estimated tokens of everything that the model reads: instructions, tools and history."""
    return overhead_tokens(turn) + sum(map(item_tokens, turn.items))


def forwarded_tokens(request: ForwardedRequest) -> int:
    """Return the estimated tokens of a forwarded request; 0 for a form, whose audio or images say nothing."""
    return text_tokens(len(request.body)) if b"json" in request.content_type else 0


def history_tokens(items: Iterable[Item]) -> int:
    """Return the estimated tokens of the text in some items of a history."""
    return text_tokens(_size_bytes(items))


def item_tokens(item: Item) -> int:
    """Return the estimated tokens of one item, with its images and files."""
    parts = item.parts if isinstance(item, Message | ToolResult) else ()
    images = sum(isinstance(part, ImagePart) for part in parts)
    files = sum(len(part.data) for part in parts if isinstance(part, FilePart))
    return history_tokens((item,)) + IMAGE_TOKENS * images + text_tokens(files)


def overhead_tokens(turn: Turn) -> int:
    """Return the estimated tokens of the instructions and tools, which precede the history."""
    tools = (text for tool in turn.tools for text in (tool.description, tool.parameters))
    return text_tokens(sum(len(text.encode()) for text in (turn.instructions or "", *tools)))


def history_budget(turn: Turn, window: int, share: float = USABLE_SHARE) -> int:
    """Return how many tokens the history may have to fit into a context window.

    Args:
        turn: the turn; its instructions and tools take up part of the window.
        window: the context window of the model, in tokens.
        share: the part of the window (0..1) that the input may fill.
    """
    return int(window * share) - overhead_tokens(turn)


def _size_bytes(items: Iterable[Item]) -> int:
    return sum(len(text.encode()) for text in _texts(items))


def _texts(items: Iterable[Item]) -> Iterable[str]:
    for item in items:
        match item:
            case Message(parts=parts) | ToolResult(parts=parts):
                yield from (part.text for part in parts if isinstance(part, TextPart | RefusalPart))
            case ToolCall(arguments=arguments):
                yield arguments
            case Reasoning(content=content):
                yield from content
            case WebSearchCall(action=action):
                yield action or ""
            case Compaction(summary=summary, encrypted=encrypted):
                yield summary or encrypted or ""
