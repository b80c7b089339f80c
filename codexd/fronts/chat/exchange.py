"""One decoded Chat request: what is asked, and how its answer is to be written."""

from attrs import frozen

from codexd.fronts.chat.answer import Style, completion
from codexd.fronts.chat.stream import ChatEncoder
from codexd.fronts.exchange import Stamp, choice
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Turn


@frozen
class ChatExchange:
    """A Chat Completions request that can write its own answer (`codexd.fronts.exchange.Exchange`)."""

    turn: Turn
    style: Style
    choices: int = 1
    stream: bool = False
    keeping: None = None

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The one turn, for each choice."""
        return tuple(choice(self.turn, index) for index in range(self.choices))

    def encoder(self, stamp: Stamp) -> ChatEncoder:
        """Make the writer of a streamed answer."""
        return ChatEncoder(self.choices, self.style, stamp)

    def render(self, replies: tuple[Reply, ...], stamp: Stamp) -> bytes:
        """Write the whole answer as one JSON body; no reply here has a fault."""
        return completion(replies, self.style, stamp)
