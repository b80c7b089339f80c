"""The protocol of `codex app-server` (docs/app-server.md): adapts `codexd.backs` to sessions and workers."""

import re
from typing import Any, Final

from attrs import AttrsInstance, frozen

from codexd import __version__
from codexd.backs import bindings as b
from codexd.backs.fixed_replies import METHOD_NOT_FOUND, find_fixed_reply
from codexd.backs.profile import Profile, build_requirements
from codexd.backs.thread import DEFAULT_WINDOW_TOKENS, Thread
from codexd.child.protocol import (
    Exchange,
    Output,
    SendError,
    SendNotification,
    SendResult,
    ServerInfo,
    ThreadSetup,
    ThreadState,
)
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.policy.account_limits import AccountLimits, AccountTokens, LimitWindow
from codexd.policy.catalog import AccountModel
from codexd.wire import jsonrpc
from codexd.wire.json import Json

_MAIN_LIMITS: Final = (None, "codex")
"""The ids of the limits that hold for all models; others are of single models."""

MAX_PAGES: Final = 32
"""Pages of `model/list` that are read at most."""

_VERSION: Final = re.compile(r"[^/ ]+/([0-9A-Za-z.+-]{1,40})(?: |$)")


@frozen
class AppServerInfo(ServerInfo):
    """Facts an app-server reports during the handshake.

    Attributes:
        mcp_servers: names of the MCP servers configured in its CODEX_HOME.
        home_verbosity: its CODEX_HOME sets a verbosity.
    """

    mcp_servers: tuple[str, ...] = ()
    home_verbosity: bool = False


class AppServerProtocol:
    """The app-server's methods and notifications (ChildProtocol)."""

    known_notifications: Final = b.NOTIFICATIONS
    # `error` with willRetry comes while the child reconnects; without, `turn/completed` follows.
    idle_notifications: Final = frozenset(("error",))

    def encode_call(self, params: AttrsInstance) -> tuple[str, dict[str, Json]]:
        """Return the method and the params of a call (ChildProtocol)."""
        return b.METHODS[type(params)], b.encode(params)

    def handshake(self) -> Exchange[AppServerInfo]:
        """Call `initialize`, `config/read` and `model/list` (ChildProtocol)."""
        info = b.ClientInfo("codexd", __version__)
        greeting = yield b.Initialize(info, b.Capabilities(optOutNotificationMethods=b.OPTED_OUT_NOTIFICATIONS))
        yield SendNotification("initialized")
        config = _config((yield b.ConfigRead()))
        servers = config.get("mcp_servers")
        return AppServerInfo(
            models=(yield from self.list_models()),
            version=_read_version(greeting),
            mcp_servers=tuple(servers) if isinstance(servers, dict) else (),
            home_verbosity=config.get("model_verbosity") is not None,
        )

    def list_models(self) -> Exchange[tuple[AccountModel, ...]]:
        """Call `model/list`, page by page (ChildProtocol)."""
        models: list[AccountModel] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = b.structure((yield b.ModelList(cursor)), b.ModelPage)
            models += (_offer(model) for model in page.data)
            cursor = page.nextCursor
            if cursor is None:
                break
        return tuple(models)

    def read_account_kind(self) -> Exchange[str | None]:
        """Call `account/read` (ChildProtocol)."""
        account = b.structure((yield b.AccountRead()), b.AccountResult).account
        return None if account is None else account.type

    def read_limits(self) -> Exchange[AccountLimits]:
        """Call `account/rateLimits/read`; an account without a plan has no limits (ChildProtocol)."""
        return _limits(b.structure((yield b.RateLimitsRead()), b.RateLimitsResult).rateLimits)

    def read_tokens(self) -> Exchange[AccountTokens]:
        """Call `account/usage/read` (ChildProtocol)."""
        result = b.structure((yield b.TokenUsageRead()), b.TokenUsageResult)
        days = tuple((day.startDate, day.tokens) for day in result.dailyUsageBuckets or ())
        return AccountTokens(lifetime=result.summary.lifetimeTokens, days=days)

    def find_limits(self, message: jsonrpc.RpcNotification) -> AccountLimits | None:
        """Read `account/rateLimits/updated` (ChildProtocol)."""
        if message.method != b.RATE_LIMITS_UPDATED:
            return None
        try:
            limits = b.structure(message.params, b.RateLimitsUpdated).rateLimits
        except b.UnexpectedShapeError:
            return None
        return _limits(limits) if limits.limitId in _MAIN_LIMITS else None

    def ping(self) -> b.LoadedThreads:
        """List one loaded thread: it takes the child 0.1 ms, also while it runs many turns (ChildProtocol)."""
        return b.LoadedThreads()

    def translator(self, setup: ThreadSetup) -> "AppServerThread":
        """Create the translator of a new thread (ChildProtocol)."""
        return AppServerThread(setup)

    def route(self, message: jsonrpc.RpcNotification | jsonrpc.RpcRequest) -> str | None:
        """Return the thread id of notifications and tool calls (ChildProtocol)."""
        if type(message) is jsonrpc.RpcRequest and message.method != b.TOOL_CALL:
            return None
        thread_id = message.params.get("threadId")
        return thread_id if type(thread_id) is str else None

    def reply_to(self, request: jsonrpc.RpcRequest) -> SendResult | SendError:
        """Decline approvals, and refuse other requests as unknown (ChildProtocol)."""
        result = find_fixed_reply(request.method)
        if result is None:
            return SendError(request.id, METHOD_NOT_FOUND, "not supported by codexd")
        return SendResult(request.id, result)

    def clean_up(self, message: jsonrpc.RpcNotification | jsonrpc.RpcResponse) -> tuple[AttrsInstance, ...]:
        """Unload a thread that started too late, interrupt a turn that began too late (ChildProtocol)."""
        try:
            if isinstance(message, jsonrpc.RpcResponse):
                return (b.Unsubscribe(b.structure(message.result, b.ThreadStartResult).thread.id),)
            if message.method != "turn/started":
                return ()
            started = b.structure(message.params, b.TurnStarted)
            return (b.TurnInterrupt(started.threadId, started.turn.id),)
        except b.UnexpectedShapeError:
            return ()


class AppServerThread:
    """One app-server thread, translated by `codexd.backs.thread.Thread` (ThreadTranslator)."""

    def __init__(self, setup: ThreadSetup) -> None:
        window = DEFAULT_WINDOW_TOKENS if setup.window_tokens is None else setup.window_tokens
        self._thread = Thread(_profile(setup), window)
        self._has_exact_history = True
        # The hot path: without a call of its own.
        self.receive = self._thread.receive

    @property
    def state(self) -> ThreadState:
        """The state of the thread's life (ThreadTranslator)."""
        return self._thread.state

    @property
    def thread_id(self) -> str | None:
        """The child's thread id, once known (ThreadTranslator)."""
        return self._thread.id

    @property
    def pending_calls(self) -> frozenset[str]:
        """The call ids whose results a suspended turn waits for (ThreadTranslator)."""
        return self._thread.pending_call_ids

    @property
    def added_files(self) -> tuple[str, ...]:
        """AGENTS.md files that the child has added to the prompt (ThreadTranslator)."""
        return self._thread.instruction_sources

    @property
    def window_tokens(self) -> int | None:
        """The model's context window, if it is known (ThreadTranslator)."""
        return None if self._thread.window == DEFAULT_WINDOW_TOKENS else self._thread.window

    @property
    def has_exact_history(self) -> bool:
        """Whether no instruction was injected that the protocol cannot express (ThreadTranslator)."""
        return self._has_exact_history

    @property
    def compacted(self) -> bool:
        """Whether the child has replaced the history by a summary (ThreadTranslator)."""
        return self._thread.compacted

    @property
    def unreachable(self) -> bool:
        """Whether the child retries, as it could not connect to the model's provider (ThreadTranslator)."""
        return self._thread.unreachable

    @property
    def usage(self) -> Usage | None:
        """The tokens that were reported for the response so far (ThreadTranslator)."""
        return self._thread.usage

    def share_with(self, tokens: int) -> float:
        """Return the share of the context window used with so many more tokens (ThreadTranslator)."""
        return self._thread.window_share + tokens / self._thread.window

    def open(self, turn: Turn) -> list[Output]:
        """Start the thread with a turn's whole history (ThreadTranslator)."""
        self._has_exact_history = not build_requirements(turn)
        return self._thread.open(turn)

    def extend(self, turn: Turn, rest: tuple[Item, ...]) -> list[Output]:
        """Start another turn on the idle thread (ThreadTranslator)."""
        self._has_exact_history = not build_requirements(turn)
        return self._thread.extend(turn, rest)

    def submit_results(self, turn: Turn, results: tuple[ToolResult, ...]) -> list[Output]:
        """Continue the suspended turn (ThreadTranslator)."""
        self._has_exact_history = not build_requirements(turn)
        return self._thread.resume(turn, results)

    def complete_if_whole(self) -> list[Output]:
        """End a response that is complete except for its last message (ThreadTranslator)."""
        return self._thread.end_if_complete()

    def fail(self, why: Fault) -> list[Output]:
        """End the response with a failure (ThreadTranslator)."""
        return self._thread.fail(why)

    def abort(self) -> list[Output]:
        """Interrupt the turn and unload the thread (ThreadTranslator)."""
        return self._thread.abort()

    def disconnect(self, why: Fault) -> list[Output]:
        """Close the thread: the child has exited (ThreadTranslator)."""
        return self._thread.child_lost(why)


def _profile(setup: ThreadSetup) -> Profile:
    if setup.agent:
        return Profile(agent=True, cwd=setup.workspace, sandbox=setup.sandbox or "read-only")
    info = setup.server_info
    assert isinstance(info, AppServerInfo)
    return Profile(
        agent=False,
        cwd=setup.workspace,
        mcp_servers=info.mcp_servers,
        home_verbosity=info.home_verbosity,
    )


def _offer(model: b.OfferedModel) -> AccountModel:
    efforts = tuple(option.reasoningEffort for option in model.supportedReasoningEfforts)
    return AccountModel(id=model.id, efforts=efforts, is_hidden=model.hidden)


def _read_version(result: Any) -> str:
    """Return the version in the `userAgent` of the result of `initialize`: `codexd/0.163.0 (Debian ...`."""
    agent = result.get("userAgent") if isinstance(result, dict) else None
    found = _VERSION.match(agent) if isinstance(agent, str) else None
    return "" if found is None else found[1]


def _limits(limits: b.RateLimits) -> AccountLimits:
    return AccountLimits(
        plan=limits.planType,
        primary=_window(limits.primary),
        secondary=_window(limits.secondary),
        reached=limits.rateLimitReachedType,
    )


def _window(window: b.RateLimitWindow | None) -> LimitWindow | None:
    if window is None:
        return None
    return LimitWindow(used_percent=window.usedPercent, minutes=window.windowDurationMins, resets_at=window.resetsAt)


def _config(result: Any) -> dict[str, Any]:
    config = result.get("config") if isinstance(result, dict) else None
    return config if isinstance(config, dict) else {}
