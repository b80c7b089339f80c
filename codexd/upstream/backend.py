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

from codexd.backs import estimate
from codexd.backs.chat import listing
from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.failures import MALFORMED
from codexd.backs.chat.stream import Translator
from codexd.interfaces import IEmbedder, IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.fault import Fault, Refused, fault
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.observe.record import OK
from codexd.policy import breaker, retry
from codexd.policy.breaker import BreakerPolicy, Circuit, Permit
from codexd.policy.menu import Menu, named
from codexd.policy.retry import RetryPolicy
from codexd.policy.truncation import shortened
from codexd.settings import Upstream
from codexd.upstream.client import Client
from codexd.upstream.fetch import fetched
from codexd.upstream.run import Run
from codexd.upstream.watch import Deadlines
from codexd.wire import json

_LIST_BYTES: Final = 4 * 2**20
_LIST_SECONDS: Final = 30.0
_PASSING: Final = retry.REPEATABLE | breaker.SUSPICIOUS
LIST_AGAIN_SECONDS: Final = 10.0
"""How soon a list is asked for again that did not come for a reason that may pass by itself."""


@implementer(IModelBackend, IEmbedder)
class UpstreamBackend:
    """Answers turns by asking one upstream.

    Args:
        settings: of the upstream.
        client: asks it.
        clock: for timers and durations.
        metrics: counts.
        chance: gives 0 to 1, for the jitter of repetitions.
        now: gives Unix time in seconds, for HTTP dates.

    Attributes:
        name: the upstream's, of the settings.
        menu: which models it offers, and what it calls them.
        running: how many answers are under way.
        reads: the reads of its connections.
        deadlines: how long what may take.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Upstream,
        client: Client,
        clock: IReactorTime,
        metrics: Metrics,
        chance: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self.name = settings.name
        self.menu = Menu(named=named(settings.models), prefix=settings.prefix, any=settings.any, read=False)
        self.deadlines = Deadlines(
            settings.first_event_seconds, settings.idle_seconds, settings.total_seconds
        )
        self.now = now
        self.reads = client.reads
        self._settings = settings
        self._dialect = dialect(settings)
        self._retry = RetryPolicy(
            settings.retries, settings.retry_first_seconds, cap_seconds=settings.retry_cap_seconds
        )
        self._breaker = BreakerPolicy(settings.breaker_failures, settings.breaker_seconds)
        self._circuit = Circuit()
        self._client = client
        self._clock = clock
        self._metrics = metrics
        self._chance = chance
        self._runs: set[Run] = set()
        self._listing_failed = False
        self._list_due = 0.0
        metrics.watch_upstream(self.name, self.ready)

    @property
    def running(self) -> int:
        """How many answers are under way."""
        return len(self._runs)

    @property
    def max_answer_bytes(self) -> int:
        """The largest answer (run.Host)."""
        return self._settings.max_answer_bytes

    # IModelBackend

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer (IModelBackend)."""
        turn = self._cut(evolve(turn, model=self.menu.resolve(turn.model)))
        if self.running >= self._settings.max_connections:
            raise Refused(fault("busy"))
        translator = Translator(turn, self._dialect, secrets.token_hex(12), self._settings.max_event_bytes)
        asked = translator.open()
        permit = self.permit()
        if permit is None:
            raise Refused(self._left_alone())
        run = Run(self, translator, asked, permit, sink, self._clock)
        self._runs.add(run)
        return run

    def _cut(self, turn: Turn) -> Turn:
        """Leave out the beginning of a history that is too long, if the client wants that."""
        short = shortened(turn, self._room, estimate.item)
        if short is not turn:
            self._metrics.count("turn_truncated")
        return short

    def _room(self, turn: Turn) -> int | None:
        window = self.menu.window(turn.model)
        return None if window is None else estimate.room(turn, window)

    def models(self) -> tuple[ModelCard, ...]:
        """List what is on offer (IModelBackend)."""
        return self.menu.cards

    def ready(self) -> bool:
        """Tell whether a turn begun now could run (IModelBackend)."""
        left = breaker.left_seconds(self._breaker, self._circuit, self._clock.seconds())
        return self.menu.settled and left == 0

    # IEmbedder

    def embed(self, model: str, written: Callable[[str], bytes]) -> "Deferred[bytes]":
        """Ask for embeddings, once (IEmbedder)."""
        return Deferred.fromCoroutine(self._embed(written(self.menu.resolve(model))))

    async def _embed(self, body: bytes) -> bytes:
        permit = self.permit()
        if permit is None:
            raise Refused(self._left_alone())
        kind: str | None = "cancelled"
        try:
            answer = await self._fetch("POST", "embeddings", body)
            kind = None
        except Refused as refused:
            kind = refused.fault.kind
            raise
        finally:
            self.give_back(permit, kind)
            self._metrics.upstream(self.name, kind or OK)
        return answer

    async def _fetch(self, method: str, path: str, body: bytes | None) -> bytes:
        """Ask for one JSON document.

        Raises:
            Refused: when it does not come, or something else does.
        """
        asked = self._client.ask(method, path, body)
        limit = self._settings.max_answer_bytes
        came = await fetched(asked, limit, self._settings.first_event_seconds, self._clock)
        answer = came.document(self.now())
        if not json.is_valid(answer):
            raise Refused(MALFORMED)
        return answer

    # Its list of models.

    @property
    def list_due(self) -> bool:
        """Whether the list of models is to be read again."""
        return self._clock.seconds() >= self._list_due

    async def refresh(self) -> None:
        """Read the list of models again; one that cannot be read leaves the last as it was."""
        began = self._clock.seconds()
        self._list_due = began + self._settings.refresh_seconds
        try:
            asked = self._client.ask("GET", "models")
            came = await fetched(asked, _LIST_BYTES, _LIST_SECONDS, self._clock)
            listed = listing.cards(came.document(self.now()))
        except Refused as refused:
            if refused.fault.kind in _PASSING:
                self._list_due = min(self._list_due, began + LIST_AGAIN_SECONDS)
            else:
                self.menu = evolve(self.menu, read=True)
            if not self._listing_failed:
                self._log.warn(
                    "Upstream {name} does not list its models: {kind}",
                    name=self.name,
                    kind=refused.fault.note or refused.fault.kind,
                )
            self._listing_failed = True
            return
        self._listing_failed = False
        self.menu = evolve(self.menu, listed=listed, read=True)

    async def close(self) -> None:
        """Cut every answer, which nobody will read any more, and close the connections."""
        for run in tuple(self._runs):
            run.cancel()
        await self._client.close()

    def _left_alone(self) -> Fault:
        left = breaker.left_seconds(self._breaker, self._circuit, self._clock.seconds())
        return fault("unreachable", retry_after_seconds=left)

    # For runs (run.Host).

    def ask(self, body: bytes) -> "Deferred[IResponse]":
        """Send a request."""
        return self._client.ask("POST", "chat/completions", body)

    def permit(self) -> Permit | None:
        """Ask the breaker for leave."""
        self._circuit, permit = breaker.ask(self._breaker, self._circuit, self._clock.seconds())
        if permit is None:
            self._metrics.count("upstream_left_alone")
        return permit

    def give_back(self, permit: Permit, kind: str | None) -> None:
        """Tell the breaker how a request went."""
        before, now = self._circuit, self._clock.seconds()
        self._circuit = breaker.give_back(self._breaker, before, permit, breaker.outcome(kind), now)
        if (self._circuit.opened is None) != (before.opened is None):
            told = "works again" if self._circuit.opened is None else "keeps failing and is left alone"
            self._log.warn("Upstream {name} {told}", name=self.name, told=told, kind=kind)

    def wait_seconds(self, repeated: int, failed: Fault, asked: float) -> float | None:
        """Decide whether to repeat, and when."""
        return retry.wait_seconds(self._retry, repeated, failed, asked, self._chance())

    def count(self, name: str) -> None:
        """Count something for the metrics."""
        self._metrics.count(name)

    def forget(self, run: Run, kind: str | None) -> None:
        """The run is over."""
        self._runs.discard(run)
        self._metrics.upstream(self.name, kind or OK)


def dialect(settings: Upstream) -> Dialect:
    """Give what an upstream's settings say of what it can take."""
    return Dialect(
        settings.token_limit,
        settings.developer_role,
        settings.custom_tools,
        settings.reasoning,
        settings.images,
        settings.audio,
        settings.files,
        settings.pass_unknown,
        settings.omit,
    )
