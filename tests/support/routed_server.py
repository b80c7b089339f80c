"""One request in memory through the HTTP server and the routing, to a fake model."""

from collections.abc import Iterable
from typing import Final

from codexd.interfaces import IModelBackend
from codexd.neutral.event import Event
from codexd.policy.fallback import CODEX
from codexd.routing.router import BackendEntry, ModelRouter
from codexd.routing.tool_backends import ToolTextBackend
from codexd.settings import ModelAlias, Tools
from codexd.wire.json import Json
from tests.support.endpoints import Endpoint
from tests.support.fake_backend import FakeBackend
from tests.support.in_memory_server import Connection, InMemoryServer

TOKEN: Final = "ab" * 12
"""The value that tests patch in for random tokens."""


class RoutedServer:
    """An in-memory server with the real routing in front of its fake back end, and one connection to it.

    Args:
        tools: its settings of tool calls as text.
    """

    def __init__(self, tools: Tools = Tools()) -> None:  # noqa: B008
        self._tools = tools
        self.server = InMemoryServer(wrap_backend=self._route)
        self.connection: Connection = self.server.connect()

    def _route(self, backend: FakeBackend) -> IModelBackend:
        board = ModelRouter([BackendEntry(name=CODEX, backend=backend)], {"m1": ModelAlias(name="m1")}, lambda _: None)
        return ToolTextBackend(board, self._tools, lambda _: None)

    def request(self, endpoint: Endpoint, stream: bool, members: dict[str, Json], **headers: str) -> None:
        """Send the request of an endpoint, with further members of the body."""
        body = (endpoint.streamed_body if stream else endpoint.body) | members
        self.connection.request("POST", endpoint.path, body, **(endpoint.headers | headers))

    def emit(self, events: Iterable[Event], in_one_turn: bool) -> None:
        """Emit the model's events, in one reactor iteration or one iteration each, until it is cancelled."""
        (model,) = self.server.backend.turns
        if in_one_turn:
            model.emit(*events)
            return
        for event in events:
            if not model.cancelled:
                model.emit(event)
