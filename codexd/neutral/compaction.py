"""Compaction of a history: the request to the model for a summary, and the history with that summary."""

from typing import Final

from attrs import evolve

from codexd.neutral.turn import (
    Compaction,
    Item,
    Message,
    ReasoningOptions,
    ResponseFormat,
    TextPart,
    ToolChoice,
    Turn,
)

_REQUEST: Final = """\
The conversation so far will be removed from your context and replaced by a summary that you write now. Write \
everything that is needed to continue without the conversation: what the user asked for and decided, what was done and \
found (with exact names, paths, values and quotations that are still needed), what is still open, and what comes next. \
Write only the summary; call no tools."""

_INTRODUCTION: Final = "The earlier part of this conversation was replaced by this summary of it:\n\n"


def summary_message(summary: str) -> Message:
    """Return the message that shows a summary to the model."""
    return Message(role="user", parts=(TextPart(_INTRODUCTION + summary),))


def summary_turn(turn: Turn) -> Turn:
    """Return the turn that asks the model for a summary of a turn's history."""
    request = Message(role="user", parts=(TextPart(_REQUEST),))
    return evolve(
        turn,
        items=(*turn.items, request),
        tool_choice=ToolChoice("none"),
        format=ResponseFormat(),
        reasoning=ReasoningOptions(turn.reasoning.effort),
        sampling=evolve(turn.sampling, max_tokens=None, stop=(), logprobs=False, top_logprobs=None),
        web_search=None,
        compaction=None,
    )


def compacted_turn(turn: Turn, summary: str) -> Turn:
    """Return a turn whose history is system messages, the summary, and what follows since the last user message."""
    last = max((at for at, item in enumerate(turn.items) if _has_role(item, "user")), default=0)
    head = tuple(item for item in turn.items[:last] if _has_role(item, "system", "developer"))
    summarised = Compaction(summary=summary, replaces_history=True)
    return evolve(turn, items=(*head, summarised, *turn.items[last:]), compaction=None)


def _has_role(item: Item, *roles: str) -> bool:
    return isinstance(item, Message) and item.role in roles
