"""Token counts where nobody counted: an estimate, always marked as one.

One token for every four UTF-8 bytes, rounded up: OpenAI's own rule of thumb for English, and the same
whatever the deltas were cut into. It also measures `max_tokens`, which the child does not know.
"""

from collections.abc import Iterable
from typing import Final

from codexd.neutral.event import Usage
from codexd.neutral.turn import (
    Item,
    Message,
    Reasoning,
    RefusalPart,
    Search,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
)

BYTES_PER_TOKEN: Final = 4


def tokens(size_bytes: int) -> int:
    """Estimate how many tokens a text of this many UTF-8 bytes is."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def usage(turn: Turn, output_bytes: int) -> Usage:
    """Estimate what an answer cost."""
    size = _size_bytes(turn.items) + len((turn.instructions or "").encode())
    return Usage(input_tokens=tokens(size), output_tokens=tokens(output_bytes), estimated=True)


def history(items: Iterable[Item]) -> int:
    """Estimate how many tokens a piece of history is."""
    return tokens(_size_bytes(items))


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
            case Search(action=action):
                yield action or ""
