"""One decoded legacy request: what is asked, and how its answer is to be written."""

from attrs import frozen

from codexd.fronts.completions.answer import Style, completion
from codexd.fronts.completions.stream import CompletionsEncoder
from codexd.fronts.exchange import Stamp
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Turn


@frozen
class CompletionsExchange:
    """A legacy request that can write its own answer (`codexd.fronts.exchange.Exchange`).

    Attributes:
        turns: what is asked, choice by choice: several prompts are several turns.
        style: how the answer is written.
        stream: whether it is streamed.
        keeping: none: these answers are not kept.
    """

    turns: tuple[Turn, ...]
    style: Style
    stream: bool = False
    keeping: None = None

    @property
    def turn(self) -> Turn:
        """The first turn: all of them differ in their prompts alone."""
        return self.turns[0]

    @property
    def choices(self) -> int:
        """How many answers are asked: prompts times `n`."""
        return len(self.turns)

    def encoder(self, stamp: Stamp) -> CompletionsEncoder:
        """Make the writer of a streamed answer."""
        return CompletionsEncoder(self.style, stamp)

    def render(self, replies: tuple[Reply, ...], stamp: Stamp) -> bytes:
        """Write the whole answer as one JSON body; no reply here has a fault."""
        return completion(replies, self.style, stamp)
