"""What the child tells and asks by itself."""

from typing import Any, Final

from attrs import frozen

from codexd.backs.bindings.answers import TurnRef


@frozen
class ItemStarted:
    """`item/started`; the item is a ThreadItem, of which agentMessage and reasoning matter here."""

    threadId: str
    turnId: str
    item: dict[str, Any]


@frozen
class ItemCompleted:
    """`item/completed`."""

    threadId: str
    turnId: str
    item: dict[str, Any]


@frozen
class MessageDelta:
    """`item/agentMessage/delta`."""

    threadId: str
    turnId: str
    itemId: str
    delta: str


@frozen
class SummaryTextDelta:
    """`item/reasoning/summaryTextDelta`."""

    threadId: str
    turnId: str
    itemId: str
    summaryIndex: int
    delta: str


@frozen
class ReasoningTextDelta:
    """`item/reasoning/textDelta`."""

    threadId: str
    turnId: str
    itemId: str
    contentIndex: int
    delta: str


@frozen
class RawItemCompleted:
    """`rawResponseItem/completed`: an item as the provider sent it, or as it was injected."""

    threadId: str
    turnId: str
    item: dict[str, Any]


@frozen
class TokenUsage:
    """Tokens as the provider counted them."""

    inputTokens: int
    cachedInputTokens: int
    outputTokens: int
    reasoningOutputTokens: int
    totalTokens: int
    cacheWriteInputTokens: int = 0


@frozen
class RawResponseCompleted:
    """`rawResponse/completed`: one model response is whole, its batch of calls too."""

    threadId: str
    turnId: str
    usage: TokenUsage | None = None


@frozen
class ThreadUsage:
    """The thread's fill: `last` is the newest response's usage."""

    last: TokenUsage
    modelContextWindow: int | None = None


@frozen
class UsageUpdated:
    """`thread/tokenUsage/updated`."""

    threadId: str
    turnId: str
    tokenUsage: ThreadUsage


@frozen
class TurnError:
    """Why a turn failed; `codexErrorInfo` is a name, or a name with an `httpStatusCode`."""

    message: str
    codexErrorInfo: Any = None


@frozen
class ErrorTold:
    """`error`: with `willRetry` the child goes on by itself."""

    threadId: str
    turnId: str
    error: TurnError
    willRetry: bool


@frozen
class FinishedTurn:
    """A turn that is over: completed, interrupted or failed."""

    id: str
    status: str
    error: TurnError | None = None


@frozen
class TurnStarted:
    """`turn/started`; it may overtake the reply to `turn/start`."""

    threadId: str
    turn: TurnRef


@frozen
class TurnCompleted:
    """`turn/completed`."""

    threadId: str
    turn: FinishedTurn


@frozen
class ThreadClosed:
    """`thread/closed`."""

    threadId: str


@frozen
class DynamicToolCall:
    """`item/tool/call`: a REQUEST of the child's, which waits for the tool's result."""

    threadId: str
    turnId: str
    callId: str
    tool: str
    arguments: Any = None
    namespace: str | None = None


EVENTS: Final[dict[str, type]] = {
    "item/started": ItemStarted,
    "item/completed": ItemCompleted,
    "item/agentMessage/delta": MessageDelta,
    "item/reasoning/summaryTextDelta": SummaryTextDelta,
    "item/reasoning/textDelta": ReasoningTextDelta,
    "rawResponseItem/completed": RawItemCompleted,
    "rawResponse/completed": RawResponseCompleted,
    "thread/tokenUsage/updated": UsageUpdated,
    "error": ErrorTold,
    "turn/started": TurnStarted,
    "turn/completed": TurnCompleted,
    "thread/closed": ThreadClosed,
}

TOOL_CALL: Final = "item/tool/call"

# Asked not to be sent at all: nobody here reads them, and each costs both sides.
SILENCED: Final = (
    "account/rateLimits/updated",
    "configWarning",
    "item/reasoning/summaryPartAdded",
    "remoteControl/status/changed",
    "thread/settings/updated",
    "thread/started",
    "thread/status/changed",
    "warning",
)
