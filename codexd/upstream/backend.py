"""A Chat Completions server as a back end."""

import secrets
from collections.abc import Callable
from typing import Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IResponse
from zope.interface import implementer

from codexd.backs.chat import model_list
from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.failures import MALFORMED
from codexd.backs.chat.request import EncodedRequest
from codexd.backs.chat.translator import ChatTranslator
from codexd.context import OK, RequestContext
from codexd.empty_turn import EmptyTurn
from codexd.interfaces import (
    IEmbedder,
    IEventSink,
    IForwarder,
    IForwardingHandle,
    IForwardingReceiver,
    ILimitedBackend,
    ITurnHandle,
    ModelCard,
    SlotState,
)
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.forwarded import ForwardedRequest
from codexd.neutral.records import frozen
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.policy import breaker, estimate, retry
from codexd.policy.breaker import BreakerPolicy
from codexd.policy.retry import RetryPolicy
from codexd.policy.shared_breaker import SharedBreaker, SharedPermit, failure_kind
from codexd.policy.slot_ledger import SlotLedger
from codexd.policy.status import BackendStatus
from codexd.policy.truncation import truncate
from codexd.policy.upstream_models import UpstreamModels, parse_allow_list
from codexd.settings import Upstream
from codexd.upstream.client import UpstreamClient
from codexd.upstream.deadlines import Deadlines
from codexd.upstream.fetch import fetch
from codexd.upstream.forwarding import Forwarding
from codexd.upstream.turn import UpstreamTurn
from codexd.wire import json

_LIST_BYTES: Final = 4 * 2**20
_LIST_SECONDS: Final = 30.0
_TEMPORARY: Final = retry.RETRYABLE_KINDS | breaker.FAILURE_KINDS
LIST_RETRY_SECONDS: Final = 10.0
"""The delay before a model list is requested again after a failure that may be temporary."""


@frozen
class PreparedUpstreamTurn:
    """A turn and its encoded request, which an empty turn does not have."""

    turn: Turn
    translator: ChatTranslator | None = None
    request: EncodedRequest | None = None
    is_truncated: bool = False


@implementer(ILimitedBackend, IEmbedder, IForwarder)
class UpstreamBackend:
    """Answers turns, embeddings requests and forwarded requests with one upstream.

    Args:
        settings: the upstream's settings.
        client: sends the requests.
        clock: for timers and durations.
        metrics: counts.
        chance: returns a random number from 0 to 1, for the jitter of retries.
        now: returns Unix time in seconds, for HTTP dates.
        slots: records which turns run.

    Attributes:
        name: the upstream's name in the settings.
        upstream_models: the models it offers, and its own names for them.
        running: the number of running responses.
        reads: dispatches the reads of its connections.
        deadlines: the time limits of a response.
        redact: returns a fault without the upstream's key.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Upstream,
        client: UpstreamClient,
        clock: IReactorTime,
        metrics: Metrics,
        chance: Callable[[], float],
        now: Callable[[], float],
        slots: SlotLedger | None = None,
    ) -> None:
        self._slots = slots or SlotLedger()
        self.name = settings.name
        self.upstream_models = UpstreamModels(
            allowed=parse_allow_list(settings.models),
            prefix=settings.prefix,
            passes_unlisted=settings.pass_unlisted,
            is_loaded=False,
        )
        self.deadlines = Deadlines(settings.first_event_seconds, settings.idle_seconds, settings.total_seconds)
        self.now = now
        self.reads = client.reads
        self.redact = client.redaction.apply_to_fault
        self._settings = settings
        self._capabilities = build_capabilities(settings)
        self._retry = RetryPolicy(
            limit=settings.retries,
            initial_seconds=settings.retry_initial_seconds,
            max_seconds=settings.retry_max_seconds,
        )
        self._breaker = SharedBreaker(BreakerPolicy(settings.breaker_failures, settings.breaker_seconds))
        self._client = client
        self._clock = clock
        self._metrics = metrics
        self._chance = chance
        self._turns: dict[UpstreamTurn, str] = {}  # the principal of each
        self._forwardings: dict[Forwarding, str] = {}
        self._embeddings = 0
        self._listing_failed = False
        self._list_due = 0.0

    @property
    def running(self) -> int:
        """The number of running responses, those of embeddings and forwarded requests included."""
        return len(self._turns) + len(self._forwardings) + self._embeddings

    def status(self, queued: int) -> BackendStatus:
        """Return its state.

        Args:
            queued: how many requests wait until it has room.
        """
        return BackendStatus(
            name=self.name,
            is_ready=self.ready(),
            models=len(self.models()),
            running=self.running,
            queued=queued,
            circuit_is_open=self._breaker.is_open,
            own_circuits=self._breaker.own_open,
        )

    @property
    def max_response_bytes(self) -> int:
        """The largest accepted response body (turn.UpstreamContext)."""
        return self._settings.max_response_bytes

    # IModelBackend

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        return self.begin_prepared(turn, context, sink, self.prepare(turn))

    def prepare(self, turn: Turn) -> "PreparedUpstreamTurn":
        """Encode the request of a turn; pure, as it may run in a thread.

        Raises:
            FaultError: when the server does not accept a part of the turn.
        """
        asked = evolve(turn, model=self.upstream_models.resolve(turn.model))
        turn = truncate(asked, self._available_tokens, estimate.item_tokens)
        if EmptyTurn.is_needed(turn):
            return PreparedUpstreamTurn(turn)
        translator = ChatTranslator(turn, self._capabilities, secrets.token_hex(12), self._settings.max_event_bytes)
        return PreparedUpstreamTurn(turn, translator, translator.open(), turn is not asked)

    def begin_prepared(
        self, turn: Turn, context: RequestContext, sink: IEventSink, prepared: "PreparedUpstreamTurn"
    ) -> ITurnHandle:
        """Start a response whose request is encoded; raises FaultError as `begin`."""
        context.record.set_backend(self.name)
        translator, request = prepared.translator, prepared.request
        if prepared.is_truncated:
            self._metrics.count("turn_truncated")
        if translator is None or request is None:
            return EmptyTurn(prepared.turn, sink, self._clock)
        if self.running >= self._settings.max_connections:
            raise FaultError(fault("busy"))
        permit = self.acquire_permit(context.principal)
        if permit is None:
            raise FaultError(self.circuit_open(context.principal))
        running = UpstreamTurn(self, translator, request, permit, context, sink, self._clock)
        self._turns[running] = context.principal
        self._slots.take(context.principal)
        return running

    def _available_tokens(self, turn: Turn) -> int | None:
        window = self.upstream_models.context_window(turn.model)
        return None if window is None else estimate.history_budget(turn, window)

    # ILimitedBackend

    def slot_group(self, turn: Turn) -> str:
        """Return the name of the only group (ILimitedBackend)."""
        return self.name

    def slot_state(self, group: str) -> SlotState:
        """Return whether there may be one more request (ILimitedBackend)."""
        return "full" if self.running >= self._settings.max_connections else "free"

    def continues(self, turn: Turn) -> bool:
        """Return False: no turn waits in an upstream (ILimitedBackend)."""
        return False

    def check(self, turn: Turn) -> None:
        """Refuse a turn that `begin` would refuse whatever its history and the load are (ILimitedBackend)."""
        self.check_model(turn.model)

    def check_model(self, model: str) -> None:
        """Refuse a model that this upstream does not have.

        Raises:
            FaultError: `not_ready` or `unknown_model`.
        """
        self.upstream_models.resolve(model)

    def models(self) -> tuple[ModelCard, ...]:
        """Return the offered models (IModelBackend)."""
        return self.upstream_models.cards

    def ready(self) -> bool:
        """Return whether the models are known and the circuit of all principals is closed (IModelBackend)."""
        left = self._breaker.remaining_seconds(self._clock.seconds())
        return self.upstream_models.is_complete and left == 0

    # IEmbedder

    def embed(self, model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        """Request embeddings, without retries (IEmbedder)."""
        context.record.set_backend(self.name)
        return Deferred.fromCoroutine(self._embed(encode_body(self.upstream_models.resolve(model)), context))

    async def _embed(self, body: bytes, context: RequestContext) -> bytes:
        if self.running >= self._settings.max_connections:
            raise FaultError(fault("busy"))
        permit = self.acquire_permit(context.principal)
        if permit is None:
            raise FaultError(self.circuit_open(context.principal))
        self._embeddings += 1
        self._slots.take(context.principal)
        kind: str | None = "cancelled"
        judged: str | None = kind
        try:
            context.note_sent()
            document = await self._fetch_json("POST", "embeddings", body, context)
            kind, judged = None, None
        except FaultError as refused:
            kind, judged = refused.fault.kind, failure_kind(refused.fault)
            raise FaultError(self.redact(refused.fault)) from None
        finally:
            self._embeddings -= 1
            self._release(context.principal)
            self.return_permit(permit, judged)
            self._metrics.count_upstream_request(self.name, kind or OK)
        return document

    async def _fetch_json(self, method: str, path: str, body: bytes, context: RequestContext) -> bytes:
        """Request one JSON document.

        Raises:
            FaultError: if the request fails, or the response is not JSON.
        """
        request = self._client.request(method, path, body, context)
        limit = self._settings.max_response_bytes
        response = await fetch(request, limit, self._settings.first_event_seconds, self._clock)
        if context.record.trace is not None:
            context.record.trace.add("from_upstream", response.body)
        document = response.successful_body(self.now())
        if not json.is_valid(document):
            raise FaultError(MALFORMED)
        return self._client.redaction.apply_to_body(document)

    # IForwarder

    def forward(
        self, model: str | None, request: ForwardedRequest, context: RequestContext, receiver: IForwardingReceiver
    ) -> IForwardingHandle:
        """Forward a request, without retries (IForwarder)."""
        context.record.set_backend(self.name)
        body = request.body if model is None else request.replace_model(self.upstream_models.resolve(model))
        if self.running >= self._settings.max_connections:
            raise FaultError(fault("busy"))
        permit = self.acquire_permit(context.principal)
        if permit is None:
            raise FaultError(self.circuit_open(context.principal))
        headers = ((b"content-type", request.content_type), (b"accept", request.accept or b"*/*"))
        forwarding = Forwarding(
            self,
            lambda: self._client.request("POST", request.path, body, context, headers),
            permit,
            context,
            receiver,
            self._clock,
        )
        self._forwardings[forwarding] = context.principal
        self._slots.take(context.principal)
        return forwarding

    def forwarding_ended(self, forwarding: Forwarding, kind: str | None) -> None:
        """Remove a forwarded request that is over, and count its outcome (forwarding.ForwardingContext)."""
        self._release(self._forwardings.pop(forwarding, None))
        self._metrics.count_upstream_request(self.name, kind or OK)

    # The list of models.

    @property
    def list_due(self) -> bool:
        """Whether it is time to read the list of models again."""
        return self._clock.seconds() >= self._list_due

    async def refresh(self) -> None:
        """Read the list of models; if that fails, the last list stays."""
        started = self._clock.seconds()
        self._list_due = started + self._settings.refresh_seconds
        try:
            request = self._client.request("GET", "models")
            response = await fetch(request, _LIST_BYTES, _LIST_SECONDS, self._clock)
            listed = model_list.decode_models(response.successful_body(self.now()))
        except FaultError as refused:
            if refused.fault.kind in _TEMPORARY:
                self._list_due = min(self._list_due, started + LIST_RETRY_SECONDS)
            else:
                self.upstream_models = evolve(self.upstream_models, is_loaded=True)
            if not self._listing_failed:
                self._log.warn(
                    "Could not read the model list of upstream {name}: {kind}",
                    event="upstream_list_failed",
                    name=self.name,
                    kind=refused.fault.note or refused.fault.kind,
                )
            self._listing_failed = True
            return
        self._listing_failed = False
        self.upstream_models = evolve(self.upstream_models, listed=listed, is_loaded=True)

    async def close(self) -> None:
        """Cancel the running responses and close the connections."""
        for turn in tuple(self._turns):
            turn.cancel()
        for forwarding in tuple(self._forwardings):
            forwarding.cancel()
        await self._client.close()

    async def close_unused(self) -> None:
        """Close the connections without a request; running responses go on."""
        await self._client.close()

    # turn.UpstreamContext

    def send(self, body: bytes, context: RequestContext) -> "Deferred[IResponse]":
        """Send a Chat Completions request for a client's request."""
        return self._client.request("POST", "chat/completions", body, context)

    def has_open_circuit(self) -> bool:
        """Return whether the circuit breaker is open for all requests."""
        return self._breaker.is_open

    def acquire_permit(self, principal: str) -> SharedPermit | None:
        """Request a permit from the breaker; None while it is open for this principal."""
        permit = self._breaker.acquire(principal, self._clock.seconds())
        if permit is None:
            self._metrics.count("upstream_breaker_open")
        return permit

    def circuit_open(self, principal: str) -> Fault:
        """Return the fault of a request that got no permit, with the time until the next one may."""
        left = self._breaker.remaining_seconds(self._clock.seconds(), principal)
        return fault("circuit_open", retry_after_seconds=left)

    def return_permit(self, permit: SharedPermit, kind: str | None) -> None:
        """Report the outcome of a request to the breaker."""
        before = self._circuit_states(permit.principal)
        self._breaker.release(permit, kind, self._clock.seconds())
        for (whose, was_open), (_, is_open) in zip(before, self._circuit_states(permit.principal), strict=True):
            if was_open != is_open:
                self._log.warn(
                    "Circuit breaker of upstream {name} ({address}) is {state} for {whose}",
                    event="circuit_opened" if is_open else "circuit_closed",
                    name=self.name,
                    address=self._settings.base_url,
                    state="open" if is_open else "closed",
                    whose=whose,
                    kind=kind,
                )

    def _circuit_states(self, principal: str) -> tuple[tuple[str, bool], ...]:
        """Return for all principals, and for one of them, whether the circuit is open."""
        own = self._breaker.has_own_open(principal)
        return ("all requests", self._breaker.is_open), (f"principal {principal}", own)

    def wait_seconds(self, retries: int, failed: Fault, retry_after: float) -> float | None:
        """Return the delay before the next attempt; None if there is none."""
        return retry.delay_seconds(self._retry, retries, failed, retry_after, self._chance())

    def count(self, name: str) -> None:
        """Count an entry of `codexd.observe.metric_tables.COUNTERS`."""
        self._metrics.count(name)

    def turn_ended(self, turn: UpstreamTurn, kind: str | None) -> None:
        """Remove a turn that is over, and count its outcome."""
        self._release(self._turns.pop(turn, None))
        self._metrics.count_upstream_request(self.name, kind or OK)

    def _release(self, principal: str | None) -> None:
        if principal is not None:
            self._slots.release(self.name, principal)


def build_capabilities(settings: Upstream) -> ServerCapabilities:
    """Build the capabilities of an upstream from its settings: the Chat Completions features it supports."""
    return ServerCapabilities(
        token_limit=settings.token_limit_field,
        rename=_parse_pairs(settings.rename_fields),
        stream_options=settings.stream_options,
        developer_role=settings.developer_role,
        merge_system=settings.system_messages == "merged",
        merge_messages=settings.merge_messages,
        custom_tools=settings.custom_tools,
        short_call_ids=settings.tool_call_ids == "9-alphanumeric",
        strict=settings.strict,
        effort_form=settings.effort_form,
        effort_names=_parse_pairs(settings.effort_names),
        reasoning=settings.reasoning_field,
        state=settings.state_fields,
        images=settings.images,
        audio=settings.audio,
        files=settings.files,
        pass_unknown=settings.pass_unknown_fields,
        omit=settings.omit_fields,
    )


def _parse_pairs(entries: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Parse entries of the form `name=upstream-name`."""
    return tuple((name, other) for name, _, other in (entry.partition("=") for entry in entries))
