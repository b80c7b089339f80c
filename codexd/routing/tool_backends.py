"""Back ends that convert tool calls between structured calls and text (`codexd.tools`)."""

import secrets
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.turn import Turn
from codexd.routing.tool_filter import ToolTextFilter
from codexd.settings import Tools
from codexd.tools.block_patterns import DEFAULT_PATTERNS
from codexd.tools.block_scanner import ScanOptions
from codexd.tools.call_limits import CallLimits
from codexd.tools.converters import CallsToText, TextToCalls
from codexd.tools.tool_prompt import convert_tools_to_text


@implementer(IModelBackend)
class ToolTextBackend:
    """Wraps a back end so that each client receives tool calls in the form it reads.

    A client of the text output mode gets every call as a block of text. Any other client that offers tools
    gets calls for the blocks the model wrote. A client without tools gets the model's events unchanged.

    Args:
        backend: the wrapped back end.
        tools: the settings of conversion and limits.
        count: counts an entry of `codexd.observe.metric_tables.COUNTERS`.
        clock: schedules the conversion of long texts in slices.
    """

    def __init__(
        self, backend: IModelBackend, tools: Tools, count: Callable[[str], None], clock: IReactorTime | None = None
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._count = count
        self._limits = CallLimits(
            tools.max_calls, tools.stop_after, tools.drop_trailing_text, tools.max_call_characters
        )
        self._scan = ScanOptions(DEFAULT_PATTERNS, tools.max_call_characters, count)
        self._delimiter = tools.block_delimiter
        self._parse_blocks = tools.parse_blocks

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        converter = self._converter(turn)
        if converter is None:
            return self._backend.begin(turn, context, sink)
        return _begin_filtered(self._backend, turn, context, converter, sink, self._count, self._clock)

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of the wrapped back end (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Return whether a turn that begins now could run (IModelBackend)."""
        return self._backend.ready()

    def _converter(self, turn: Turn) -> TextToCalls | CallsToText | None:
        if turn.calls_as_text:
            return CallsToText(turn, _new_token(), self._limits, self._scan, self._delimiter)
        if turn.tools and self._parse_blocks:
            return TextToCalls(turn, _new_token(), self._limits, self._scan)
        return None


@implementer(IModelBackend)
class PromptedToolsBackend:
    """Wraps a back end whose models have no tool support.

    The prompt describes the tools and contains earlier calls and results as text. The blocks that the model
    writes become calls.

    Args:
        backend: the wrapped back end.
        count: counts an entry of `codexd.observe.metric_tables.COUNTERS`.
        clock: schedules the conversion of long texts in slices.
    """

    def __init__(self, backend: IModelBackend, count: Callable[[str], None], clock: IReactorTime | None = None) -> None:
        self._backend = backend
        self._clock = clock
        self._count = count
        self._scan = ScanOptions(count=count)

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        converter = TextToCalls(turn, _new_token(), scan=self._scan)
        return _begin_filtered(
            self._backend, convert_tools_to_text(turn), context, converter, sink, self._count, self._clock
        )

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of the wrapped back end (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Return whether a turn that begins now could run (IModelBackend)."""
        return self._backend.ready()


def _new_token() -> str:
    """Return an unguessable token that makes the call ids of one choice unique."""
    return secrets.token_hex(12)


def _begin_filtered(
    backend: IModelBackend,
    turn: Turn,
    context: RequestContext,
    converter: TextToCalls | CallsToText,
    sink: IEventSink,
    count: Callable[[str], None],
    clock: IReactorTime | None,
) -> ITurnHandle:
    tool_filter = ToolTextFilter(turn, converter, sink, count, context.id, clock)
    tool_filter.handle = backend.begin(turn, context, tool_filter)
    return tool_filter
