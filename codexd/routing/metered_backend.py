"""Counts the tokens of each turn for the record and the API key of its request, however the turn ends."""

from typing import Final

from attrs import evolve
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral import event as e
from codexd.neutral.event import Usage
from codexd.neutral.turn import Turn
from codexd.policy import estimate
from codexd.policy.provider_charge import ProviderCharge

_DELTAS: Final = frozenset((e.TextDelta, e.RefusalDelta, e.SummaryDelta, e.ThoughtDelta, e.CallDelta))
_OTHERS: Final = frozenset((e.Began, e.UsageReported, e.Ended, e.Failed))

_AFTER_WORK: Final = frozenset(
    (
        "idle_timeout",
        "too_long",
        "no_first_event",
        "stream_cut",
        "child_died",
        "child_hung",
        "shutting_down",
        "interrupted",
    )
)
"""Faults of a turn without output for which the model has worked all the same."""


@implementer(IModelBackend)
class MeteredBackend:
    """Wraps a back end.

    It is below the wrappers that begin several turns for a request, or cancel one early: each turn counts with what
    its provider reported. If the provider reported nothing, because the turn was cancelled or failed midway, an
    estimate counts.

    Args:
        backend: the wrapped back end.
    """

    def __init__(self, backend: IModelBackend) -> None:
        self._backend = backend

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        charge = ProviderCharge(context.record, context.charge)
        metered = _MeteredTurn(turn, charge, sink)
        metered.handle = self._backend.begin(turn, evolve(context, provider_charge=charge), metered)
        return metered

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of the wrapped back end (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Return whether a turn that begins now could run (IModelBackend)."""
        return self._backend.ready()


@implementer(IEventSink, ITurnHandle)
class _MeteredTurn:
    """One turn: between its back end and its sink."""

    __slots__ = ("_begun", "_charge", "_counted", "_output_bytes", "_sink", "_turn", "handle", "settle")

    def __init__(self, turn: Turn, charge: ProviderCharge, sink: IEventSink) -> None:
        self._turn = turn
        self._charge = charge
        self._sink = sink
        self._output_bytes = 0
        self._begun = self._counted = False
        self.handle: ITurnHandle | None = None
        self.settle = sink.settle  # (IEventSink)

    # IEventSink

    def receive(self, event: e.Event) -> None:
        """Count an event and pass it on (IEventSink)."""
        kind = type(event)
        if kind in _DELTAS:  # the hot path
            text: str = event.text  # type: ignore[union-attr]
            self._output_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        elif kind in _OTHERS:
            self._count(event)
        self._sink.receive(event)

    def _count(self, event: e.Event) -> None:
        if isinstance(event, e.Began):
            self._begun = True
        elif isinstance(event, e.UsageReported):
            self._spend(event.usage)
        elif (
            isinstance(event, e.Ended)
            or self._output_bytes
            or (isinstance(event, e.Failed) and self._begun and event.fault.kind in _AFTER_WORK)
        ):
            self._spend_estimate()
        else:
            self._counted = True  # the provider refused it: it has used nothing

    def _spend_estimate(self) -> None:
        if not self._counted:
            input_tokens, output_tokens = (
                self._charge.input_tokens(self._turn),
                estimate.text_tokens(self._output_bytes),
            )
            self._spend(Usage(input_tokens=input_tokens, output_tokens=output_tokens, estimated=True))

    def _spend(self, usage: Usage) -> None:
        if not self._counted:
            self._counted = True
            self._charge.spend(usage)

    # ITurnHandle

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields without effect (ITurnHandle)."""
        return () if self.handle is None else tuple(self.handle.ignored)

    def cancel(self) -> None:
        """Cancel the turn; what it has used by now is not reported any more (ITurnHandle)."""
        if self._begun or self._charge.sent:
            self._spend_estimate()
        self._counted = True
        if self.handle is not None:
            self.handle.cancel()

    def pause(self) -> None:
        """Pause the turn (ITurnHandle)."""
        if self.handle is not None:
            self.handle.pause()

    def resume(self) -> None:
        """Resume the turn (ITurnHandle)."""
        if self.handle is not None:
            self.handle.resume()
