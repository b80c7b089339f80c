"""Between clients and back ends that do not agree on what a tool call looks like (`codexd.tools`)."""

import secrets
from collections.abc import Callable

from zope.interface import implementer

from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.turn import Turn
from codexd.routing.passage import Passage
from codexd.settings import Tools
from codexd.tools.gates import Gates
from codexd.tools.joint import Inward, Outward
from codexd.tools.patterns import KNOWN
from codexd.tools.scanner import Scanning
from codexd.tools.wording import worded


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
        self._count = count
        self._gates = Gates(tools.block_max, tools.stop_after, tools.suppress_tail, tools.buffer_characters)
        self._scanning = Scanning(KNOWN, tools.buffer_characters, count)
        self._delimiter = tools.delimiter
        self._read_blocks = tools.read_blocks

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer (IModelBackend)."""
        joint = self._joint(turn)
        if joint is None:
            return self._backend.begin(turn, sink)
        return _begun(self._backend, turn, joint, sink, self._count)

    def models(self) -> tuple[ModelCard, ...]:
        """List what is on offer (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Tell whether a turn begun now could run (IModelBackend)."""
        return self._backend.ready()

    def _joint(self, turn: Turn) -> Inward | Outward | None:
        if turn.calls_as_text:
            return Outward(turn, _token(), self._gates, self._scanning, self._delimiter)
        if turn.tools and self._read_blocks:
            return Inward(turn, _token(), self._gates, self._scanning)
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
        self._count = count
        self._scanning = Scanning(count=count)

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer (IModelBackend)."""
        joint = Inward(turn, _token(), scanning=self._scanning)
        return _begun(self._backend, worded(turn), joint, sink, self._count)

    def models(self) -> tuple[ModelCard, ...]:
        """List what is on offer (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Tell whether a turn begun now could run (IModelBackend)."""
        return self._backend.ready()


def _token() -> str:
    """Make what tells one choice's calls from all others', and cannot be guessed."""
    return secrets.token_hex(12)


def _begun(
    backend: IModelBackend,
    turn: Turn,
    joint: Inward | Outward,
    sink: IEventSink,
    count: Callable[[str], None],
) -> ITurnHandle:
    passage = Passage(turn, joint, sink, count)
    passage.handle = backend.begin(turn, passage)
    return passage
