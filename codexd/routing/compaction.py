"""Compacts histories: asks the model for a summary first, then answers on it, or answers with it alone."""

import secrets
from collections.abc import Callable

from attrs import evolve
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral import event as e
from codexd.neutral.compaction import compacted_turn, summary_turn
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Turn
from codexd.policy import estimate
from codexd.routing.internal_error import internal_failure
from codexd.routing.relayed_handle import RelayedHandle

_INCOMPLETE = "The model did not write a whole summary of the conversation."


@implementer(IModelBackend)
class CompactingBackend:
    """Wraps a back end so that it can compact histories (`codexd.neutral.turn.CompactionRequest`).

    Args:
        backend: the wrapped back end.
        count: counts an entry of `codexd.observe.metric_tables.COUNTERS`.
    """

    def __init__(self, backend: IModelBackend, count: Callable[[str], None]) -> None:
        self._backend = backend
        self._count = count

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        if turn.compaction is None:
            return self._backend.begin(turn, context, sink)
        if not _is_due(turn, turn.compaction.threshold_tokens):
            return self._backend.begin(evolve(turn, compaction=None), context, sink)
        run = _CompactingTurn(self._backend, turn, context, sink, self._count)
        run.begin()
        return run

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of the wrapped back end (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Return whether a turn that begins now could run (IModelBackend)."""
        return self._backend.ready()


def _is_due(turn: Turn, threshold_tokens: int | None) -> bool:
    return threshold_tokens is None or estimate.usage(turn, 0).input_tokens > threshold_tokens


@implementer(IEventSink)
class _CompactingTurn(RelayedHandle):
    """Runs the turn for the summary, then the turn for the answer.

    The client receives the compaction as the first item of the response. The usage of both turns is added up; where the
    answer fails without one, that of the summary is reported.
    """

    def __init__(
        self,
        backend: IModelBackend,
        turn: Turn,
        context: RequestContext,
        sink: IEventSink,
        count: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._backend = backend
        self._turn = turn
        self._context = context
        self._sink = sink
        self._count = count
        self._fold = Fold()
        self._summary_ended = self._answering = self._over = False
        self._unreported: Usage | None = None
        """The usage of the summary, until it is reported."""

    def begin(self) -> None:
        """Start the turn for the summary; raises FaultError as the back end does."""
        self.relay_to(self._backend.begin(summary_turn(self._turn), self._context, self))

    # For the back end.

    def receive(self, event: e.Event) -> None:
        """Process the next event of either turn (IEventSink)."""
        if self._over:
            return
        if self._answering:
            self._receive_answer(event)
        else:
            self._receive_summary(event)

    def settle(self) -> None:
        """Begin the answer once the summary is complete (IEventSink)."""
        if self._summary_ended and not self._answering and not self._over:
            self._answering = True
            try:
                self._use_summary()
            except FaultError as error:
                self._finish(e.Failed(error.fault))
            except Exception:
                self._finish(internal_failure(self._count, self._context.id))
        self._sink.settle()

    def cancel(self) -> None:
        """Cancel the turn that runs (ITurnHandle)."""
        self._over = True
        super().cancel()

    # The two turns.

    def _receive_summary(self, event: e.Event) -> None:
        if isinstance(event, e.Began):
            self._sink.receive(event)
        self._fold.feed(event)
        self._summary_ended = isinstance(event, e.Ended)
        if isinstance(event, e.UsageReported):
            self._unreported = event.usage
        elif isinstance(event, e.Failed):
            self._finish(event)

    def _use_summary(self) -> None:
        reply = self._fold.build_reply()
        if self._unreported is None:
            self._unreported = estimate.usage(self._turn, len(reply.text.encode()))
        wrong = _check(reply)
        if wrong is not None:
            raise FaultError(wrong)
        answers = self._turn.compaction is not None and self._turn.compaction.threshold_tokens is not None
        self._sink.receive(e.CompactionOpened(0, f"cmp_{secrets.token_hex(12)}0000"))
        self._sink.receive(e.CompactionClosed(0, reply.text, replaces_history=answers))
        if answers:
            self.relay_to(self._backend.begin(compacted_turn(self._turn, reply.text), self._context, self))
        else:
            self._report_usage(Usage())
            self._finish(e.Ended("stop"))

    def _receive_answer(self, event: e.Event) -> None:
        """Pass on an event of the answer, whose items follow the compaction."""
        if isinstance(event, e.Began):
            return
        if isinstance(event, e.Ended | e.Failed):
            self._finish(event)
        elif isinstance(event, e.UsageReported):
            self._report_usage(event.usage)
        else:
            self._sink.receive(evolve(event, index=event.index + 1))

    def _finish(self, event: e.Ended | e.Failed) -> None:
        self._over = True
        if self._unreported is not None:  # What an answer without a usage used is not known.
            self._report_usage(Usage(estimated=True))
        self._sink.receive(event)

    def _report_usage(self, of_answer: Usage) -> None:
        """Report the usage of the summary and of the answer."""
        used, self._unreported = self._unreported, None
        self._sink.receive(e.UsageReported(of_answer if used is None else _add(used, of_answer)))


def _check(reply: Reply) -> Fault | None:
    """Return the fault of a summary that is cut or empty: going on from it would lose the conversation."""
    whole = reply.finish == "stop" and reply.text.strip()
    return None if whole else fault("stream_cut", _INCOMPLETE)


def _add(first: Usage, second: Usage) -> Usage:
    return Usage(
        input_tokens=first.input_tokens + second.input_tokens,
        cached_tokens=first.cached_tokens + second.cached_tokens,
        cache_write_tokens=first.cache_write_tokens + second.cache_write_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        reasoning_tokens=first.reasoning_tokens + second.reasoning_tokens,
        estimated=first.estimated or second.estimated,
    )
