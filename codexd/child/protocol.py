"""The protocol of a child, as sessions, workers and the back end see it.

A child speaks JSON-RPC, one message a line (`codexd.child.peer`). The methods, notifications and results are
those of its protocol, and only an implementation of `ChildProtocol` knows them: `codexd.child.app_server` is
the one for `codex app-server`. Implementations do no I/O: they return commands and read messages.
"""

from collections.abc import Container, Generator
from typing import Final, Literal, Protocol, TypeVar

from attrs import AttrsInstance, frozen

from codexd.backs import commands
from codexd.neutral.event import Event, Usage
from codexd.neutral.fault import Fault
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.policy.account_limits import AccountLimits, AccountTokens
from codexd.policy.catalog import AccountModel
from codexd.wire import jsonrpc
from codexd.wire.json import Json

_T = TypeVar("_T")

CallMethod = commands.CallMethod
"""Call a method; the translator receives the outcome as `CallSucceeded` or `CallFailed` with the same tag."""

SendResult = commands.SendResult
"""Answer a request of the child."""

SendError = commands.SendError
"""Answer a request of the child with an error."""

CallSucceeded = commands.CallSucceeded
CallFailed = commands.CallFailed
CallTag = commands.CallTag
Command = commands.Command

COMMANDS: Final = frozenset((CallMethod, SendResult, SendError))
"""The types of commands; every other output of a translator is an event."""

Input = commands.Input
"""A notification or request of the child, or the outcome of a call."""

Output = Event | Command
"""An event for the client or a command for the child."""

ThreadState = Literal["new", "opening", "running", "suspended", "idle", "aborting", "closed"]


@frozen
class SendNotification:
    """Send a notification without parameters."""

    method: str


Exchange = Generator[AttrsInstance | SendNotification, Json, _T]
"""A sequence of calls: yields the params of a call, is sent its result, and returns what was read.

What it raises ends the exchange: ValueError when a result has another shape than the protocol's. Run by
`codexd.child.handshake.run_exchange`.
"""


@frozen
class ServerInfo:
    """Facts a child reports during the handshake; a protocol may add its own in a subclass.

    Attributes:
        models: the models on offer.
        version: of the child's program; empty if it is not known.
    """

    models: tuple[AccountModel, ...]
    version: str = ""


@frozen(kw_only=True)
class ThreadSetup:
    """How a new thread is set up.

    Attributes:
        agent: whether the thread is an agent with the child's own prompt and tools, or the bare model.
        workspace: its working directory.
        sandbox: what an agent may do there; None for a bare model.
        window_tokens: the model's context window, if it is known.
        server_info: result of the child's handshake.
    """

    agent: bool
    workspace: str
    sandbox: str | None = None
    window_tokens: int | None = None
    server_info: ServerInfo


class ThreadTranslator(Protocol):
    """Translates one thread: turns to commands, the child's messages to neutral events.

    A thread lives through one or more turns. Methods return events and commands, mixed in order.
    """

    @property
    def state(self) -> ThreadState:
        """`suspended` waits for tool results, `idle` can be extended, `closed` is unloaded."""
        ...

    @property
    def thread_id(self) -> str | None:
        """The key by which `ChildProtocol.route` names the thread, once known."""
        ...

    @property
    def pending_calls(self) -> frozenset[str]:
        """The call ids whose results a suspended turn waits for."""
        ...

    @property
    def added_files(self) -> tuple[str, ...]:
        """Files that the child has added to the model's prompt by itself."""
        ...

    @property
    def window_tokens(self) -> int | None:
        """The model's context window, if it was given at the setup or reported by the child."""
        ...

    @property
    def has_exact_history(self) -> bool:
        """Whether the thread's history is what the client sent and received, and nothing else."""
        ...

    @property
    def compacted(self) -> bool:
        """Whether the child has replaced the history by a summary."""
        ...

    @property
    def unreachable(self) -> bool:
        """Whether the child retries the response, as it could open no connection to the model's provider."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The tokens that were reported for the response so far; None if none were."""
        ...

    def share_with(self, tokens: int) -> float:
        """Return the share of the context window (0 to 1) that is used after adding so many tokens."""
        ...

    def open(self, turn: Turn) -> list[Output]:
        """Start the thread, and on it a turn with its whole history.

        Raises:
            FaultError: when the model cannot be shown the history.
        """
        ...

    def extend(self, turn: Turn, rest: tuple[Item, ...]) -> list[Output]:
        """Start another turn on the idle thread; `rest` are the items it has not seen. Raises as `open`."""
        ...

    def submit_results(self, turn: Turn, results: tuple[ToolResult, ...]) -> list[Output]:
        """Continue the suspended turn with the results of its tool calls. Raises as `open`."""
        ...

    def receive(self, message: Input) -> list[Output]:
        """Translate a message of the thread, or the outcome of one of its calls. This is the hot path."""
        ...

    def complete_if_whole(self) -> list[Output]:
        """End a response that is complete except for its last message; called after some silence."""
        ...

    def fail(self, why: Fault) -> list[Output]:
        """End the response with a failure; `abort` must follow."""
        ...

    def abort(self) -> list[Output]:
        """Interrupt the turn, if one runs, and unload the thread; no events follow. Idempotent."""
        ...

    def disconnect(self, why: Fault) -> list[Output]:
        """Close the thread, and fail its response: the child has exited."""
        ...


class ChildProtocol(Protocol):
    """A protocol of a child process."""

    @property
    def known_notifications(self) -> Container[str]:
        """Methods of the notifications that translators read; others are counted and passed on."""
        ...

    @property
    def idle_notifications(self) -> Container[str]:
        """Methods of notifications that do not show that the model is working."""
        ...

    def encode_call(self, params: AttrsInstance) -> tuple[str, dict[str, Json]]:
        """Return the method and the params of a call."""
        ...

    def handshake(self) -> Exchange[ServerInfo]:
        """Make a new child ready; raises ValueError when its results have another shape."""
        ...

    def list_models(self) -> Exchange[tuple[AccountModel, ...]]:
        """Read the models on offer; raises as `handshake`."""
        ...

    def read_account_kind(self) -> Exchange[str | None]:
        """Read the kind of the account, None for none; raises as `handshake`."""
        ...

    def read_limits(self) -> Exchange[AccountLimits]:
        """Read the limits of the account; raises as `handshake`."""
        ...

    def read_tokens(self) -> Exchange[AccountTokens]:
        """Read what the account has used; raises as `handshake`."""
        ...

    def find_limits(self, message: jsonrpc.RpcNotification) -> AccountLimits | None:
        """Return the limits of the account if a notification reports them."""
        ...

    def ping(self) -> AttrsInstance:
        """Return a call that a child answers at once, whatever it does, and that changes nothing."""
        ...

    def translator(self, setup: ThreadSetup) -> ThreadTranslator:
        """Create the translator of a new thread."""
        ...

    def route(self, message: jsonrpc.RpcNotification | jsonrpc.RpcRequest) -> str | None:
        """Return the key of the thread whose translator reads this message; None if no thread's does."""
        ...

    def reply_to(self, request: jsonrpc.RpcRequest) -> SendResult | SendError:
        """Answer a request that no thread reads: decline it, as nobody is there to decide."""
        ...

    def clean_up(self, message: jsonrpc.RpcNotification | jsonrpc.RpcResponse) -> tuple[AttrsInstance, ...]:
        """Return calls that undo what began too late: a thread, or a turn, that no session waits for.

        Args:
            message: a notification of a thread that no session has, or a reply that came after the deadline.
        """
        ...
