"""The params of the methods that codexd calls."""

from typing import Final, Literal

from attrs import AttrsInstance, field, fields

from codexd.backs.bindings.account import AccountRead, RateLimitsRead, TokenUsageRead
from codexd.neutral.records import frozen
from codexd.wire.json import Json


@frozen
class ClientInfo:
    """The client of the child; the child adds `name` to the user agent that it sends to its provider."""

    name: str
    version: str
    title: str | None = None


@frozen
class Capabilities:
    """The client's capabilities; `experimentalApi` enables environments, dynamicTools and raw events."""

    experimentalApi: bool = True
    optOutNotificationMethods: tuple[str, ...] = ()


@frozen
class Initialize:
    """`initialize`: start the connection."""

    clientInfo: ClientInfo
    capabilities: Capabilities


@frozen
class ConfigRead:
    """`config/read`: read the child's effective configuration."""

    includeLayers: bool = False


@frozen
class ModelList:
    """`model/list`: list the models that the account offers, one page at a time."""

    cursor: str | None = None


@frozen
class LoadedThreads:
    """`thread/loaded/list`: list the ids of loaded threads; codexd's ping, as it is cheap and changes nothing."""

    limit: int = 1


@frozen(kw_only=True)
class ThreadStart:
    """`thread/start`: start a thread with an empty history; `permissions` replaces `sandbox`."""

    ephemeral: bool
    experimentalRawEvents: bool
    model: str
    cwd: str
    approvalPolicy: Literal["never"]
    config: dict[str, Json]
    dynamicTools: tuple[Json, ...]
    sandbox: str | None = None
    permissions: str | None = None
    baseInstructions: str | None = None
    developerInstructions: str | None = None
    environments: tuple[()] | None = None


@frozen
class InjectItems:
    """`thread/inject_items`: append raw Responses items to the history that the model sees."""

    threadId: str
    items: tuple[Json, ...]


@frozen(kw_only=True)
class TurnStart:
    """`turn/start`: start a model response; without input it responds to the history."""

    threadId: str
    input: tuple[()] = ()
    model: str | None = None
    effort: str | None = None
    summary: str | None = None
    outputSchema: Json = None
    serviceTier: str | None = None


@frozen
class TurnInterrupt:
    """`turn/interrupt`: stop the model at once."""

    threadId: str
    turnId: str


@frozen
class Unsubscribe:
    """`thread/unsubscribe`: unload the thread; `thread_unload_delay_secs=0` frees its memory at once."""

    threadId: str


@frozen
class LoginStart:
    """`account/login/start`: log in with a browser, with a code on another device, or with an API key."""

    type: Literal["chatgpt", "chatgptDeviceCode", "apiKey"]
    apiKey: str | None = field(default=None, repr=False)


@frozen
class LoginCancel:
    """`account/login/cancel`: end a login that waits for the user."""

    loginId: str


@frozen
class Logout:
    """`account/logout`: forget the login."""


METHODS: Final[dict[type, str]] = {
    Initialize: "initialize",
    AccountRead: "account/read",
    RateLimitsRead: "account/rateLimits/read",
    TokenUsageRead: "account/usage/read",
    ConfigRead: "config/read",
    ModelList: "model/list",
    LoadedThreads: "thread/loaded/list",
    ThreadStart: "thread/start",
    InjectItems: "thread/inject_items",
    TurnStart: "turn/start",
    TurnInterrupt: "turn/interrupt",
    Unsubscribe: "thread/unsubscribe",
    LoginStart: "account/login/start",
    LoginCancel: "account/login/cancel",
    Logout: "account/logout",
}


def encode(params: AttrsInstance) -> dict[str, Json]:
    """Encode the params of a method; None values are omitted."""
    values = ((name, getattr(params, name)) for name in _FIELDS[type(params)])
    present = ((name, value) for name, value in values if value is not None)
    return {name: encode(value) if type(value) in _NESTED else value for name, value in present}


_NESTED: Final = frozenset((ClientInfo, Capabilities))
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in (*METHODS, *_NESTED)}
