"""Token counts where nobody counted: an estimate, always marked as one.

One token for every four UTF-8 bytes, rounded up: OpenAI's own rule of thumb for English, and the same
whatever the deltas were cut into. It also measures `max_tokens`, which the child does not know.
"""

from collections.abc import Iterable
from typing import Final

from codexd.neutral.event import Usage
from codexd.neutral.turn import (
    FilePart,
    ImagePart,
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
USABLE: Final = 0.8
"""How much of a context window an estimate may fill: the rest is for the answer, and for being wrong."""

PICTURE_TOKENS: Final = 1000
"""About what OpenAI's models make of a picture in full detail."""


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


def item(one: Item) -> int:
    """Estimate how much of a model's context an item takes up, in tokens; pictures and files count, too."""
    parts = one.parts if isinstance(one, Message | ToolResult) else ()
    pictures = sum(isinstance(part, ImagePart) for part in parts)
    files = sum(len(part.data) for part in parts if isinstance(part, FilePart))
    return history((one,)) + PICTURE_TOKENS * pictures + tokens(files)


def frame(turn: Turn) -> int:
    """Estimate how much of a model's context goes to what stands around the history."""
    tools = (text for tool in turn.tools for text in (tool.description, tool.parameters))
    return tokens(sum(len(text.encode()) for text in (turn.instructions or "", *tools)))


def room(turn: Turn, window: int, share: float = USABLE) -> int:
    """Estimate how many tokens the history may have, in a context window of so many.

    Args:
        turn: what is asked.
        window: the model's, in tokens.
        share: how much of it an estimate may fill.
    """
    return int(window * share) - frame(turn)


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
