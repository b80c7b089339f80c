"""What codexd asks of the child."""

from typing import Final, Literal

from attrs import AttrsInstance, fields, frozen

from codexd.wire.json import Json


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
