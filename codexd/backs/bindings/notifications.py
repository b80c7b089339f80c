"""The notifications and the one request of the child that codexd handles."""

from typing import Any, Final

from codexd.backs.bindings.account import RateLimitsUpdated
from codexd.backs.bindings.results import TurnRef
from codexd.neutral.records import frozen


@frozen
class ItemStarted:
    """`item/started`: an item has begun. The item is a ThreadItem."""

    threadId: str
    turnId: str
    item: dict[str, Any]


@frozen
class ItemCompleted:
    """`item/completed`: an item is complete."""

    threadId: str
    turnId: str
    item: dict[str, Any]


@frozen
class MessageDelta:
    """`item/agentMessage/delta`: text of a message."""

    threadId: str
    turnId: str
    itemId: str
    delta: str


@frozen(kw_only=True)
class SummaryTextDelta:
    """`item/reasoning/summaryTextDelta`: text of a reasoning summary."""

    threadId: str
    turnId: str
    itemId: str
    summaryIndex: int
    delta: str


@frozen(kw_only=True)
class ReasoningTextDelta:
    """`item/reasoning/textDelta`: open reasoning text."""

    threadId: str
    turnId: str
    itemId: str
    contentIndex: int
    delta: str


@frozen
class RawItemCompleted:
    """`rawResponseItem/completed`: an item as the provider sent it or as it was injected."""

    threadId: str
    turnId: str
    item: dict[str, Any]


@frozen(kw_only=True)
class TokenUsage:
    """The tokens that the provider counted."""

    inputTokens: int
    cachedInputTokens: int
    outputTokens: int
    reasoningOutputTokens: int
    totalTokens: int
    cacheWriteInputTokens: int = 0


@frozen
class RawResponseCompleted:
    """`rawResponse/completed`: one model response is complete, with its batch of calls."""

    threadId: str
    turnId: str
    usage: TokenUsage | None = None


@frozen
class ThreadUsage:
    """How full the thread's context window is: `last` is the usage of the latest model response."""

    last: TokenUsage
    modelContextWindow: int | None = None


@frozen
class UsageUpdated:
    """`thread/tokenUsage/updated`: the thread's usage has changed."""

    threadId: str
    turnId: str
    tokenUsage: ThreadUsage


@frozen
class TurnError:
    """The error of a turn; `codexErrorInfo` is a name, or an object of a name and an `httpStatusCode`.

    `additionalDetails` is the error behind a retry, whose message only counts.
    """

    message: str
    codexErrorInfo: Any = None
    additionalDetails: str | None = None


@frozen
class ErrorNotification:
    """`error`: a turn has an error; with `willRetry` the child retries on its own."""

    threadId: str
    turnId: str
    error: TurnError
    willRetry: bool


@frozen
class FinishedTurn:
    """A turn that has ended; `status` is `completed`, `interrupted` or `failed`."""

    id: str
    status: str
    error: TurnError | None = None


@frozen
class TurnStarted:
    """`turn/started`: a turn has begun. It can arrive before the reply to `turn/start`."""

    threadId: str
    turn: TurnRef


@frozen
class TurnCompleted:
    """`turn/completed`: a turn has ended."""

    threadId: str
    turn: FinishedTurn


@frozen
class ThreadClosed:
    """`thread/closed`: the child has closed the thread."""

    threadId: str


@frozen(kw_only=True)
class DynamicToolCall:
    """`item/tool/call`: a request of the child, which waits for the result of a tool call."""

    threadId: str
    turnId: str
    callId: str
    tool: str
    arguments: Any = None
    namespace: str | None = None


RATE_LIMITS_UPDATED: Final = "account/rateLimits/updated"
"""The method of RateLimitsUpdated, the only notification here that is of no thread."""

NOTIFICATIONS: Final[dict[str, type]] = {
    "item/started": ItemStarted,
    "item/completed": ItemCompleted,
    "item/agentMessage/delta": MessageDelta,
    "item/reasoning/summaryTextDelta": SummaryTextDelta,
    "item/reasoning/textDelta": ReasoningTextDelta,
    "rawResponseItem/completed": RawItemCompleted,
    "rawResponse/completed": RawResponseCompleted,
    "thread/tokenUsage/updated": UsageUpdated,
    "error": ErrorNotification,
    "turn/started": TurnStarted,
    "turn/completed": TurnCompleted,
    "thread/closed": ThreadClosed,
    RATE_LIMITS_UPDATED: RateLimitsUpdated,
}

TOOL_CALL: Final = "item/tool/call"
"""The method of DynamicToolCall."""

OPTED_OUT_NOTIFICATIONS: Final = (
    "configWarning",
    "item/reasoning/summaryPartAdded",
    "remoteControl/status/changed",
    "thread/settings/updated",
    "thread/started",
    "thread/status/changed",
    "warning",
)
"""The notifications that the child is asked not to send: codexd does not use them, and each costs time."""
