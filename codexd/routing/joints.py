"""Between clients and back ends that do not agree on what a tool call looks like (`codexd.tools`)."""

import secrets
from collections.abc import Callable
from typing import Final

from zope.interface import implementer

from codexd.backs import estimate
from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral import event as e
from codexd.neutral.turn import Turn
from codexd.settings import Tools
from codexd.tools.gates import Gates
from codexd.tools.joint import Inward, Outward
from codexd.tools.patterns import KNOWN
from codexd.tools.scanner import Scanning
from codexd.tools.wording import worded

_WORDS: Final = (e.TextDelta, e.RefusalDelta, e.SummaryDelta, e.ThoughtDelta, e.CallDelta)


@implementer(IModelBackend)
class Jointed:
    """A back end whose tool calls are what each client can read.

    Args:
        backend: who answers.
        tools: how calls are looked for and shown.
        count: counts something of `codexd.observe.metrics.COUNTERS`.
    """

    def __init__(self, backend: IModelBackend, tools: Tools, count: Callable[[str], None]) -> None:
        self._backend = backend
        self._gates = Gates(tools.block_max, tools.stop_after, tools.suppress_tail, tools.buffer_characters)
        self._scanning = Scanning(KNOWN, tools.buffer_characters, count)
        self._delimiter = tools.delimiter
        self._read_blocks = tools.read_blocks

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer (IModelBackend)."""
        joint = self._joint(turn)
        return self._backend.begin(turn, sink) if joint is None else _begun(self._backend, turn, joint, sink)

    def models(self) -> tuple[ModelCard, ...]:
        """List what is on offer (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Tell whether a turn begun now could run (IModelBackend)."""
        return self._backend.ready()

    def _joint(self, turn: Turn) -> Inward | Outward | None:
        token = secrets.token_hex(12)
        if turn.calls_as_text:
            return Outward(turn, token, self._gates, self._scanning, self._delimiter)
        if turn.tools and self._read_blocks:
            return Inward(turn, token, self._gates, self._scanning)
        return None


@implementer(IModelBackend)
class Worded:
    """A back end whose models know no tools: they are told of them in words, and answer in words.

    Args:
        backend: who answers.
        count: counts something of `codexd.observe.metrics.COUNTERS`.
    """

    def __init__(self, backend: IModelBackend, count: Callable[[str], None]) -> None:
        self._backend = backend
        self._scanning = Scanning(count=count)

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer (IModelBackend)."""
        joint = Inward(turn, secrets.token_hex(12), scanning=self._scanning)
        return _begun(self._backend, worded(turn), joint, sink)

    def models(self) -> tuple[ModelCard, ...]:
        """List what is on offer (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Tell whether a turn begun now could run (IModelBackend)."""
        return self._backend.ready()


def _begun(backend: IModelBackend, turn: Turn, joint: Inward | Outward, sink: IEventSink) -> ITurnHandle:
    passage = Passage(turn, joint, sink)
    passage.handle = backend.begin(turn, passage)
    return passage


@implementer(IEventSink, ITurnHandle)
class Passage:
    """One answer on its way through a joint.

    When nothing that the model may still say would be shown, it is interrupted, and what it cost is an
    estimate.

    Attributes:
        handle: of the answer, once it was begun.
    """

    def __init__(self, turn: Turn, joint: Inward | Outward, sink: IEventSink) -> None:
        self.handle: ITurnHandle | None = None
        self._turn = turn
        self._joint = joint
        self._sink = sink
        self._size = 0
        self._counted = self._over = False

    @property
    def ignored(self) -> tuple[str, ...]:
        """What the back end had no use for (ITurnHandle)."""
        return () if self.handle is None else tuple(self.handle.ignored)

    def receive(self, event: e.Event) -> None:
        """Take the next event (IEventSink)."""
        if self._over:
            return
        if isinstance(event, _WORDS):
            self._size += len(event.text.encode())
        self._counted = self._counted or isinstance(event, e.UsageReported)
        for passed in self._joint.feed(event):
            self._pass(passed)

    def flush(self) -> None:
        """Nothing more comes in this turn of the reactor (IEventSink)."""
        if self._joint.satisfied and not (self._counted or self._over):
            self._interrupt()
        self._sink.flush()

    def cancel(self) -> None:
        """Nobody wants the rest (ITurnHandle)."""
        self._over = True
        if self.handle is not None:
            self.handle.cancel()

    def hold(self) -> None:
        """The reader is too slow (ITurnHandle)."""
        if self.handle is not None:
            self.handle.hold()

    def release(self) -> None:
        """The reader has caught up (ITurnHandle)."""
        if self.handle is not None:
            self.handle.release()

    def _interrupt(self) -> None:
        *closing, ended = self._joint.end()
        usage = e.UsageReported(estimate.usage(self._turn, self._size))
        for event in (*closing, usage, ended):
            self._pass(event)
        self.cancel()

    def _pass(self, event: e.Event) -> None:
        self._over = self._over or isinstance(event, e.Ended | e.Failed)
        self._sink.receive(event)
