"""The context of one request, passed to every package that works on it."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final

from attrs import Factory, define, evolve, field

from codexd.neutral.event import Usage
from codexd.neutral.records import frozen
from codexd.policy.key_meter import Charge
from codexd.policy.key_policy import OPEN_POLICY, KeyPolicy
from codexd.policy.provider_charge import ProviderCharge
from codexd.policy.tracing import SpanIds
from codexd.request_trace import RequestTrace
from codexd.timeline import Timeline

OK = "ok"
CLIENT_DISCONNECTED = "client_disconnected"
SLOW_CLIENT = "slow_client"
OTHER_ROUTE = "other"
TOKEN_KINDS = ("input", "cached", "cache_write", "output", "reasoning")
read_tokens: Final = attrgetter(*(f"{kind}_tokens" for kind in TOKEN_KINDS))
"""Return the tokens of a Usage, in the order of TOKEN_KINDS."""

_NO_TOKENS: Final = (0,) * len(TOKEN_KINDS)


def sum_tokens(usages: Iterable[Usage]) -> tuple[int, ...]:
    """Return the tokens of several usages together, in the order of TOKEN_KINDS."""
    return tuple(map(sum, zip(_NO_TOKENS, *map(read_tokens, usages), strict=True)))


@frozen
class UsageCharge:
    """Tokens that a request has used at a back end: of one choice, one attempt, or one forwarded request."""

    backend: str
    usage: Usage


@define(kw_only=True)
class RequestRecord:
    """One request, from its headers to its end.

    Attributes:
        id: its `x-request-id`.
        method: the HTTP method as asked, shortened; `background` for the end of a background response.
        began: when the request arrived, on the reactor's clock.
        time: when it arrived, in Unix seconds.
        route: the template of its route; `other` where none matched.
        path: the path as asked, shortened, and without control characters and what may be a key.
        status: the HTTP status; 499 when the client disconnected before there was one.
        dialect: the dialect of the route, such as `chat` or `responses`; empty for other routes.
        model: the model name of the request, shortened and stripped of control characters.
        principal: the id of the authenticated principal: the name of its API key if it has one.
        trace_id: the trace of its W3C Trace Context.
        stream: whether the response was streamed.
        backend: the back end that was asked last: `codex` or an upstream's name; empty if none was.
        worker: of Codex: the name of the worker, such as `plain-0`: its profile and its number.
        thread: of Codex: the id of the thread, once it is known.
        queue_seconds: how long it waited for its back ends to have room.
        first_event_seconds: time from arrival to the model's first event.
        seconds: time from arrival to the end.
        received_bytes: the size of its body, as received.
        sent_bytes: the size of the response's body, as given to the connection.
        client_stalls: how often the connection to the client was full.
        retries: how often its turns were started again before their first event, by codexd.
        model_pauses: how often the model's output was paused because the client had too large a backlog.
        tools_offered: the number of tools that the request offers to the model.
        tool_calls: the number of tool calls in the response, of all choices.
        usages: the token usage of each choice, as the client is shown it.
        charges: everything that it has used: also of attempts that failed, and estimates of what no provider has
            counted. The metrics and the ledger of usage have these.
        on_late_charge: receives what is used after the record was reported; None before that.
        ignored: request fields that were accepted without effect.
        outcome: `ok`, `client_disconnected`, or the kind of the fault that ended it.
        note: details of that fault for the log (`Fault.note`).
        timeline: what happened when; never content.
        span: the ids of its span in a distributed trace; None unless traces are exported.
        trace: what was sent and received, with its content; None unless `[trace]` is on.
    """

    id: str = ""
    method: str = ""
    began: float = 0.0
    time: float = 0.0
    route: str = OTHER_ROUTE
    path: str = ""
    status: int = 499
    dialect: str = ""
    model: str = ""
    principal: str = ""
    trace_id: str = ""
    stream: bool = False
    backend: str = ""
    worker: str = ""
    thread: str = ""
    queue_seconds: float = 0.0
    first_event_seconds: float | None = None
    seconds: float = 0.0
    received_bytes: int = 0
    sent_bytes: int = 0
    client_stalls: int = 0
    model_pauses: int = 0
    retries: int = 0
    tools_offered: int = 0
    tool_calls: int = 0
    usages: list[Usage] = Factory(list)
    charges: list[UsageCharge] = Factory(list)
    on_late_charge: "Callable[[RequestRecord, UsageCharge], object] | None" = None
    ignored: tuple[str, ...] = ()
    outcome: str = OK
    note: str = ""
    timeline: Timeline = field(factory=Timeline, eq=False, repr=False)
    span: SpanIds | None = None
    trace: RequestTrace | None = field(default=None, eq=False, repr=False)

    def set_backend(self, backend: str, worker: str = "", thread: str = "") -> None:
        """Set the back end that is asked now, in place of the one before it."""
        if backend != self.backend:
            self.timeline.add("backend", backend)
        if thread and thread != self.thread:
            self.timeline.add("thread", f"{worker} {thread}")
        self.backend, self.worker, self.thread = backend, worker, thread

    def begin_background(self, span_id: str) -> "RequestRecord":
        """Return the record of the background response that this request begins.

        Args:
            span_id: a new id, 16 hexadecimal digits.
        """
        return evolve(
            self,
            method="background",
            status=200,
            usages=[],
            charges=[],
            timeline=self.timeline.begin_other(),
            span=None if self.span is None else self.span.child(span_id),
            trace=None if self.trace is None else self.trace.begin_other(),
        )

    @property
    def is_failure(self) -> bool:
        """Whether the server or the model's provider has failed, and not the client."""
        return self.status >= 500 or (self.status == 200 and self.outcome not in (OK, CLIENT_DISCONNECTED, SLOW_CLIENT))

    def charge(self, usage: Usage) -> None:
        """Add tokens that the back end that is asked now has used."""
        charge = UsageCharge(self.backend, usage)
        if self.on_late_charge is None:
            self.charges.append(charge)
        else:
            self.on_late_charge(self, charge)

    def tokens(self) -> dict[str, int]:
        """Return the tokens of all choices, by kind."""
        return dict(zip(TOKEN_KINDS, self.token_counts(), strict=True))

    def token_counts(self) -> tuple[int, ...]:
        """Return the tokens of all choices, in the order of TOKEN_KINDS."""
        if len(self.usages) == 1:
            counts: tuple[int, ...] = read_tokens(self.usages[0])
            return counts
        return sum_tokens(self.usages)


@frozen(kw_only=True)
class RequestContext:
    """Identity, deadline and record of one request; its id joins log lines and upstream requests.

    Attributes:
        id: the `x-request-id`.
        principal: the id of who asks.
        traceparent: W3C Trace Context, forwarded to upstreams.
        tracestate: what other tracing systems add to it; empty for nothing.
        deadline: when its turns end with `too_long`, on the reactor's clock; None for none.
        record: what is reported of the request; each package adds its own fields.
        is_large: the request is so large that its turn is prepared in a thread.
        policy: the limits and permissions of the principal's API key.
        charge: counts the tokens of the request; None if its key has no name.
        provider_charge: counts the tokens of one turn or forwarded request; only back ends get it.
    """

    id: str
    principal: str
    traceparent: str
    tracestate: str = ""
    deadline: float | None = None
    record: RequestRecord
    is_large: bool = False
    policy: KeyPolicy = OPEN_POLICY
    charge: Charge | None = None
    provider_charge: ProviderCharge | None = None

    def note_sent(self) -> None:
        """Record that a model provider receives the turn, or the forwarded request, now."""
        if self.provider_charge is not None:
            self.provider_charge.sent = True
