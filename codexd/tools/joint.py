"""The joints to the house: what stands between a back end's events and a front's encoder, one a choice.

`Inward` is for a client that offered tools and a model that may write its calls; `Outward` for a client that
reads calls from text, whichever way the model makes them. A sentence goes in and a sentence comes out.
"""

from attrs import evolve

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.turn import Turn
from codexd.tools.extract import Extractor
from codexd.tools.gates import UNGATED, Gate, Gates
from codexd.tools.offer import Offer
from codexd.tools.scanner import SCANNING, Scanning
from codexd.tools.write import DELIMITER, Writer


class _Joint:
    """What both have in common: calls are taken out of the text, then held to the gates."""

    def __init__(self, turn: Turn, offer: Offer, token: str, gates: Gates, scanning: Scanning) -> None:
        self._extractor = Extractor(offer, token, scanning)
        self._gate = Gate(gates if turn.parallel_tool_calls else evolve(gates, block_max=1))

    @property
    def calls(self) -> int:
        """How many calls the client was shown, or soon will be."""
        return self._gate.calls

    @property
    def satisfied(self) -> bool:
        """Whether nothing that the model may still say will be shown.

        Then the model may be interrupted, and `end` says the end in its place; or it may be let to speak on.
        """
        return self._gate.satisfied

    def _gated(self, event: e.Event) -> list[e.Event]:
        return [passed for found in self._extractor.feed(event) for passed in self._gate.feed(found)]


class Inward(_Joint):
    """Makes calls of the blocks in an answer that call tools the client offered."""

    def __init__(self, turn: Turn, token: str, gates: Gates = UNGATED, scanning: Scanning = SCANNING) -> None:
        """Make one for one choice.

        Args:
            turn: what the client asked, as it asked it.
            token: unguessable, another one for every choice: it makes the ids of calls.
            gates: what the answer is held to.
            scanning: how its text is looked through.
        """
        super().__init__(turn, Offer(turn.offered), token, gates, scanning)
        self._required = turn.tool_choice.mode == "required"

    def feed(self, event: e.Event) -> list[e.Event]:
        """Take the next event of a sentence; give those of the new sentence that are certain.

        The answer fails with `tool_choice_unmet` if a call was required and it ends without one.
        """
        if isinstance(event, e.Ended) and event.finish == "stop" and self._required and not self.calls:
            return [e.Failed(fault("tool_choice_unmet"))]
        return self._gated(event)

    def end(self) -> list[e.Event]:
        """End the answer as it stands, once `satisfied`."""
        return self._gate.end()


class Outward(_Joint):
    """Makes canonical blocks of all calls, and of all blocks; each is shown once, in one piece."""

    def __init__(
        self,
        turn: Turn,
        token: str,
        gates: Gates = UNGATED,
        scanning: Scanning = SCANNING,
        delimiter: str = DELIMITER,
    ) -> None:
        """Make one for one choice.

        Args:
            turn: what the client asked.
            token: unguessable, another one for every choice: it makes the ids of messages.
            gates: what the answer is held to.
            scanning: how its text is looked through.
            delimiter: stands between a block and its surroundings, where no line break does.
        """
        offer = Offer(turn.tools, any=True)
        super().__init__(turn, offer, token, gates, scanning)
        self._writer = Writer(offer, self._extractor.uses, delimiter)

    def feed(self, event: e.Event) -> list[e.Event]:
        """Take the next event of a sentence; give those of the new sentence that are certain."""
        return self._written(self._gated(event))

    def end(self) -> list[e.Event]:
        """End the answer as it stands, once `satisfied`."""
        return self._written(self._gate.end())

    def _written(self, events: list[e.Event]) -> list[e.Event]:
        return [said for event in events for said in self._writer.feed(event)]
