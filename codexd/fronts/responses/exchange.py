"""One decoded Responses request: what is asked, and how its answer is written."""

from attrs import frozen

from codexd.fronts.exchange import Stamp
from codexd.fronts.responses import answer
from codexd.fronts.responses.answer import Echo
from codexd.fronts.responses.extended import encoder
from codexd.fronts.responses.keeping import ResponsesKeeping
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Turn


@frozen
class ResponsesExchange:
    """A Responses request that can write its own answer (`codexd.fronts.exchange.Exchange`); one choice.

    `extended` streams have the further events of compatibility mode `tool-events`.
    """

    turn: Turn
    stream: bool
    echo: Echo
    keeping: ResponsesKeeping | None = None
    extended: bool = False

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turn of the one choice."""
        return (self.turn,)

    def encoder(self, stamp: Stamp) -> ResponsesEncoder:
        """Make the writer of a streamed answer."""
        return encoder(stamp, self.echo, self.extended)

    def render(self, replies: tuple[Reply, ...], stamp: Stamp) -> bytes:
        """Write the whole Response object."""
        return answer.response(replies[0], stamp, self.echo)
