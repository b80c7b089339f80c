"""A decoded Responses request and how its response is written."""

from collections.abc import Sequence

from attrs import field

from codexd.fronts.dialect import ResponseIdentity
from codexd.fronts.responses import objects
from codexd.fronts.responses.objects import Echo
from codexd.fronts.responses.storage_encoder import ResponsesStorageEncoder
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.fronts.responses.tool_events import build_encoder
from codexd.neutral.records import frozen
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Turn


@frozen(kw_only=True)
class DecodedResponsesRequest:
    """A decoded Responses request (`codexd.fronts.dialect.DecodedRequest`); it has one choice.

    With `tool_events` streams have the additional events of compatibility mode `tool-events`.
    """

    turn: Turn
    stream: bool
    echo: Echo
    storage: ResponsesStorageEncoder | None = None
    tool_events: bool = False
    turns: tuple[Turn, ...] = field(init=False, eq=False, repr=False)

    @turns.default
    def _turns(self) -> tuple[Turn, ...]:
        return (self.turn,)

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> ResponsesEncoder:
        """Build the encoder of a streamed response."""
        return build_encoder(identity, self.echo, folds[0], self.tool_events)

    def render(self, replies: tuple[Reply, ...], identity: ResponseIdentity) -> bytes:
        """Render the complete Response object."""
        return objects.render_response(replies[0], identity, self.echo)
