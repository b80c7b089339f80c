"""A test of one answer: a connection that asks, and the model's side of it."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http, Responses
from tests.support.backend import FakeTurn
from tests.support.web import Connection, Response, Web, chat

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


class ResponsesCase(SynchronousTestCase):
    """Tests of answers that are kept; the store answers at once until it is held."""

    def setUp(self) -> None:
        self.open(Web(Http(keepalive_seconds=15.0), responses=Responses(background_limit=2)))

    def open(self, web: Web) -> None:
        """Begin with another front."""
        self.web, self.store = web, web.store
        self.connection = web.connect()

    def ask(self, **fields: object) -> FakeTurn:
        """Ask, and give the turn that was begun for it."""
        self.post(**fields)
        return self.web.backend.turns[-1]

    def post(self, **fields: object) -> Connection:
        """Ask on a connection of its own, which is `connection` from then on."""
        self.connection = self.web.connect()
        self.connection.ask("POST", RESPONSES, {"model": "gpt-5", "input": "hi"} | fields)
        return self.connection

    def get(self, id: str, query: str = "") -> Response:
        return self.web.ask("GET", f"{RESPONSES}/{id}{query}")

    def follow(self, id: str, query: str = "") -> Connection:
        """Ask for a stream, and give the connection it is on."""
        connection = self.web.connect()
        connection.ask("GET", f"{RESPONSES}/{id}?stream=true{query}")
        return connection

    @property
    def told_id(self) -> str:
        """The id of the answer that was asked for last, streamed or not."""
        response = self.connection.response
        if "event-stream" in response.headers["content-type"]:
            return str(response.events[0]["response"]["id"])
        return str(response.json["id"])

    def nothing_left(self) -> None:
        """Check that everything has let go of everything."""
        self.assertEqual(self.web.figure("codexd_requests_running"), 0)
        self.assertEqual(self.web.figure("codexd_background_running"), 0)
        idle = [call for call in self.web.clock.getDelayedCalls() if "TimeoutMixin" not in str(call)]
        self.assertEqual(idle, [])


def kinds(connection: Connection) -> list[str]:
    """Name the events of a stream; a comment is empty."""
    return [
        "" if one is None else one["type"].removeprefix("response.") for one in connection.response.events
    ]


def _said(chunk: dict[str, Any]) -> object:
    if not chunk["choices"]:
        return "usage"
    choice = chunk["choices"][0]
    return choice["finish_reason"] or choice["delta"].get("content")
