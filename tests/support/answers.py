"""A test of one answer: a connection that asks, and the model's side of it."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from tests.support.backend import FakeTurn
from tests.support.web import Connection, Web, chat

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


class AnswerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.web = Web(Http(keepalive_seconds=15.0))
        self.connection = self.web.connect()

    def ask(self, **fields: object) -> list[FakeTurn]:
        """Ask, and give the turns that were begun for it."""
        self.connection.ask("POST", CHAT, chat(**fields), x_request_id="one")
        return list(self.web.backend.turns)

    def ask_stream(self, **fields: object) -> FakeTurn:
        return self.ask(stream=True, **fields)[0]

    def texts(self, connection: Connection | None = None) -> list[object]:
        """Give the pieces of text, and whatever is no text as it is."""
        events = (connection or self.connection).response.events
        return [one if not isinstance(one, dict) or "choices" not in one else _said(one) for one in events]

    def nothing_left(self) -> None:
        """Check that the answer has let go of everything."""
        self.assertEqual(self.web.figure("codexd_requests_running"), 0)
        idle = [call for call in self.web.clock.getDelayedCalls() if "TimeoutMixin" not in str(call)]
        self.assertEqual(idle, [])


def _said(chunk: dict[str, Any]) -> object:
    if not chunk["choices"]:
        return "usage"
    choice = chunk["choices"][0]
    return choice["finish_reason"] or choice["delta"].get("content")
