"""Converters between a back end's events and a front end's encoder, one for each choice.

`TextToCalls` is for a client that offered tools and a model that may write its calls as text. `CallsToText`
is for a client that reads calls from text, in whichever form the model makes them. Both take a valid event
stream and return one.
"""

from attrs import evolve

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.turn import Turn
from codexd.tools.block_scanner import DEFAULT_SCAN, ScanOptions
from codexd.tools.block_writer import DELIMITER, BlockWriter
from codexd.tools.call_extractor import CallExtractor
from codexd.tools.call_limits import NO_LIMITS, CallLimiter, CallLimits
from codexd.tools.offered_tools import OfferedTools


class _Converter:
    """The common part: extract the calls from the text, then apply the limits."""

    def __init__(self, turn: Turn, offered: OfferedTools, token: str, limits: CallLimits, scan: ScanOptions) -> None:
        self._extractor = CallExtractor(offered, token, scan)
        self._limiter = CallLimiter(limits if turn.parallel_tool_calls else evolve(limits, max_calls=1))

    @property
    def calls(self) -> int:
        """The number of calls that the client got or will get soon."""
        return self._limiter.calls

    @property
    def can_interrupt(self) -> bool:
        """Whether nothing the model may still send will be passed on.

        The model can be interrupted then, and `finish` ends the response instead of it; or it may continue.
        """
        return self._limiter.can_interrupt

    def _extract(self, event: e.Event) -> list[e.Event]:
        return [passed for found in self._extractor.feed(event) for passed in self._limiter.feed(found)]


class TextToCalls(_Converter):
    """Converts the blocks of a response that call offered tools to calls."""

    def __init__(
        self, turn: Turn, token: str, limits: CallLimits = NO_LIMITS, scan: ScanOptions = DEFAULT_SCAN
    ) -> None:
        """Build the converter of one choice.

        Args:
            turn: the client's request, unchanged.
            token: an unguessable token, different for each choice; it makes the ids of calls.
            limits: the limits of the response.
            scan: the options of the text scanners.
        """
        super().__init__(turn, OfferedTools(turn.visible_tools), token, limits, scan)
        self._required = turn.tool_choice.mode == "required"

    def feed(self, event: e.Event) -> list[e.Event]:
        """Convert the next event; return the converted events that are certain now.

        The response fails with `tool_choice_unmet` if a call was required and it ends without one.
        """
        if isinstance(event, e.Ended) and event.finish == "stop" and self._required and not self.calls:
            return [e.Failed(fault("tool_choice_unmet"))]
        return self._extract(event)

    def finish(self) -> list[e.Event]:
        """End the response as it is, once `can_interrupt` is true."""
        return self._limiter.finish()


class CallsToText(_Converter):
    """Converts all calls and all blocks to canonical blocks; each is sent once, in one piece."""

    def __init__(
        self,
        turn: Turn,
        token: str,
        limits: CallLimits = NO_LIMITS,
        scan: ScanOptions = DEFAULT_SCAN,
        delimiter: str = DELIMITER,
    ) -> None:
        """Build the converter of one choice.

        Args:
            turn: the client's request.
            token: an unguessable token, different for each choice; it makes the ids of messages.
            limits: the limits of the response.
            scan: the options of the text scanners.
            delimiter: separates a block from its surroundings where no line break does.
        """
        offered = OfferedTools(turn.tools, allow_any=True)
        super().__init__(turn, offered, token, limits, scan)
        self._writer = BlockWriter(offered, self._extractor.blocks, delimiter)

    def feed(self, event: e.Event) -> list[e.Event]:
        """Convert the next event; return the converted events that are certain now."""
        return self._write(self._extract(event))

    def finish(self) -> list[e.Event]:
        """End the response as it is, once `can_interrupt` is true."""
        return self._write(self._limiter.finish())

    def _write(self, events: list[e.Event]) -> list[e.Event]:
        return [written for event in events for written in self._writer.feed(event)]
