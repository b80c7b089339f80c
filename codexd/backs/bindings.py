"""The app-server's methods and events that codexd uses, typed; nothing else of its protocol is relied on.

Field names are the wire's. The tests hold every class here against the schema the pinned binary writes
(`codex app-server generate-json-schema --experimental`) and name what is gone.
"""

from typing import Any, Final, Literal, TypeVar

from attrs import AttrsInstance, field, fields, frozen
from cattrs import BaseValidationError, Converter

from codexd.wire.json import Json

# What codexd asks.


@frozen
class ClientInfo:
    """Who asks; the child puts the name into the user agent it shows its provider."""

    name: str
    version: str
    title: str | None = None


@frozen
class Capabilities:
    """`experimentalApi` opens environments, dynamicTools and raw events."""

    experimentalApi: bool = True
    optOutNotificationMethods: tuple[str, ...] = ()


@frozen
class Initialize:
    """`initialize`: the handshake."""

    clientInfo: ClientInfo
    capabilities: Capabilities


@frozen
class ConfigRead:
    """`config/read`: what the child's configuration amounts to."""

    includeLayers: bool = False


@frozen
class ModelList:
    """`model/list`: what the account offers, a page at a time."""

    cursor: str | None = None


@frozen
class ThreadStart:
    """`thread/start`: a conversation of its own."""

    ephemeral: bool
    experimentalRawEvents: bool
    model: str
    cwd: str
    approvalPolicy: Literal["never"]
    sandbox: str
    config: dict[str, Json]
    dynamicTools: tuple[Json, ...]
    baseInstructions: str | None = None
    developerInstructions: str | None = None
    environments: tuple[()] | None = None


@frozen
class InjectItems:
    """`thread/inject_items`: raw Responses items for the history the model sees."""

    threadId: str
    items: tuple[Json, ...]


@frozen
class TurnStart:
    """`turn/start`: let the model answer; with no input it answers the history."""

    threadId: str
    input: tuple[()] = ()
    model: str | None = None
    effort: str | None = None
    summary: str | None = None
    outputSchema: Json = None
    serviceTier: str | None = None


@frozen
class TurnInterrupt:
    """`turn/interrupt`: stop the model now."""

    threadId: str
    turnId: str


@frozen
class Unsubscribe:
    """`thread/unsubscribe`: with thread_unload_delay_secs=0 the thread's memory is free at once."""

    threadId: str


METHODS: Final[dict[type, str]] = {
    Initialize: "initialize",
    ConfigRead: "config/read",
    ModelList: "model/list",
    ThreadStart: "thread/start",
    InjectItems: "thread/inject_items",
    TurnStart: "turn/start",
    TurnInterrupt: "turn/interrupt",
    Unsubscribe: "thread/unsubscribe",
}


def encode(call: AttrsInstance) -> dict[str, Json]:
    """Give a call's params; what is None is left out."""
    values = ((name, getattr(call, name)) for name in _FIELDS[type(call)])
    given = ((name, value) for name, value in values if value is not None)
    return {name: encode(value) if type(value) in _NESTED else value for name, value in given}


_NESTED: Final = frozenset((ClientInfo, Capabilities))
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in (*METHODS, *_NESTED)}


# What the child answers.


@frozen
class ThreadRef:
    """A thread by its id."""

    id: str


@frozen
class TurnRef:
    """A turn by its id."""

    id: str


@frozen
class ThreadStarted:
    """Result of `thread/start`; `instructionSources` are AGENTS.md files the child added by itself."""

    thread: ThreadRef
    instructionSources: list[str] = field(factory=list)


@frozen
class TurnAccepted:
    """Result of `turn/start`."""

    turn: TurnRef


@frozen
class EffortOption:
    """One effort a model takes."""

    reasoningEffort: str


@frozen
class OfferedModel:
    """One model of `model/list`."""

    id: str
    hidden: bool
    isDefault: bool
    supportedReasoningEfforts: list[EffortOption]


@frozen
class ModelPage:
    """Result of `model/list`."""

    data: list[OfferedModel]
    nextCursor: str | None = None


# What the child tells.


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

_T = TypeVar("_T")


def _text(value: Json, _: type) -> str:
    # cattrs would make a string of anything; text that was not text must never reach a client.
    if type(value) is not str:
        raise TypeError
    return value


def _converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(str, _text)
    return converter


_CONVERTER: Final = _converter()


class Unexpected(ValueError):
    """The child sent something of a shape this codexd does not know."""


def structure(params: Json, kind: type[_T]) -> _T:
    """Read wire values into a binding.

    Raises:
        Unexpected: when they do not fit.
    """
    try:
        return _CONVERTER.structure(params, kind)
    except (BaseValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unexpected(f"{kind.__name__}: {type(error).__name__}") from None
