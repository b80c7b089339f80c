"""One decoded Responses request: what is asked, and how its answer is written."""

from attrs import frozen

from codexd.fronts.exchange import Stamp
from codexd.fronts.responses import objects
from codexd.fronts.responses.encode import ResponsesEncoder
from codexd.fronts.responses.objects import Echo
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Turn


@frozen
class Answer:
    """The Responses dialect's exchange.Exchange; there is always one choice."""

    turn: Turn
    stream: bool
    echo: Echo
    choices: int = 1

    def encoder(self, stamp: Stamp) -> ResponsesEncoder:
        """Make the writer of a streamed answer."""
        return ResponsesEncoder(stamp, self.echo)

    def render(self, replies: tuple[Reply, ...], stamp: Stamp) -> bytes:
        """Write the whole Response object."""
        return objects.response(replies[0], stamp, self.echo)
