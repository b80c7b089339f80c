"""A decoded legacy request and how its response is written."""

from collections.abc import Sequence

from codexd.fronts.completions.objects import CompletionsOutputOptions, render_completion
from codexd.fronts.completions.stream import CompletionsEncoder
from codexd.fronts.dialect import ResponseIdentity
from codexd.neutral.records import frozen
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Turn


@frozen
class DecodedCompletionsRequest:
    """A decoded legacy request (`codexd.fronts.dialect.DecodedRequest`).

    Attributes:
        turns: the turn of each choice: several prompts are several turns.
        output_options: how the response is written.
        stream: whether it is streamed.
        storage: None: these responses are not stored.
    """

    turns: tuple[Turn, ...]
    output_options: CompletionsOutputOptions
    stream: bool = False
    storage: None = None

    @property
    def turn(self) -> Turn:
        """The first turn; the others differ only in their prompts."""
        return self.turns[0]

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> CompletionsEncoder:
        """Build the encoder of a streamed response."""
        return CompletionsEncoder(self.output_options, identity)

    def render(self, replies: tuple[Reply, ...], identity: ResponseIdentity) -> bytes:
        """Render the complete response as one JSON body; none of the replies may have a fault."""
        return render_completion(replies, self.output_options, identity)
