"""One request through all of codexd in memory: HTTP, a front door, joints, routing, a model that is told."""

from collections.abc import Iterable
from typing import Final

from codexd.interfaces import IModelBackend
from codexd.neutral.event import Event
from codexd.policy.routing import CODEX
from codexd.routing.joints import Jointed
from codexd.routing.switchboard import Line, Switchboard
from codexd.settings import Model, Tools
from codexd.wire.json import Json
from tests.support.backend import FakeBackend
from tests.support.doors import Door
from tests.support.web import Connection, Web

TOKEN: Final = "ab" * 12
"""What random tokens are to be in such tests."""


class Rim:
    """A daemon in memory, of which one thing is asked.

    Args:
        tools: how it deals with tool calls.
    """

    def __init__(self, tools: Tools = Tools()) -> None:  # noqa: B008
        self._tools = tools
        self.web = Web(through=self._through)
        self.connection: Connection = self.web.connect()

    def _through(self, backend: FakeBackend) -> IModelBackend:
        board = Switchboard([Line(CODEX, backend)], {"m1": Model("m1")}, lambda _: None)
        return Jointed(board, self._tools, lambda _: None)

    def ask(self, door: Door, stream: bool, asked: dict[str, Json], **headers: str) -> None:
        """Ask at a door; `asked` is what the body has beside the door's own."""
        body = door.body | asked | {"stream": stream}
        self.connection.ask("POST", door.path, body, **(door.headers | headers))

    def tell(self, events: Iterable[Event], at_once: bool) -> None:
        """Let the model say this, piece by piece or in one turn of the reactor, unless it is stopped."""
        (model,) = self.web.backend.turns
        if at_once:
            model.tell(*events)
            return
        for event in events:
            if not model.cancelled:
                model.tell(event)
