"""A decoded Chat request and how its response is written."""

from collections.abc import Sequence

from attrs import field

from codexd.fronts.chat.objects import ChatOutputOptions, render_completion
from codexd.fronts.chat.stream import ChatEncoder
from codexd.fronts.dialect import ResponseIdentity, turn_for_choice
from codexd.neutral.records import frozen
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Turn


@frozen(kw_only=True)
class DecodedChatRequest:
    """A decoded Chat Completions request (`codexd.fronts.dialect.DecodedRequest`)."""

    turn: Turn
    output_options: ChatOutputOptions
    choices: int = 1
    stream: bool = False
    storage: None = None
    turns: tuple[Turn, ...] = field(init=False, eq=False, repr=False)

    @turns.default
    def _turns(self) -> tuple[Turn, ...]:
        return tuple(turn_for_choice(self.turn, index) for index in range(self.choices))

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> ChatEncoder:
        """Build the encoder of a streamed response."""
        return ChatEncoder(self.choices, self.output_options, identity)

    def render(self, replies: tuple[Reply, ...], identity: ResponseIdentity) -> bytes:
        """Render the complete response as one JSON body; none of the replies may have a fault."""
        return render_completion(replies, self.output_options, identity)
