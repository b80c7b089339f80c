"""Base classes of tests that send requests to the in-memory server and control the model's turns."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.dialect import Encoder, StreamEvent
from codexd.neutral import event as e
from codexd.settings import Http, Responses
from tests.support.fake_backend import FakeTurn
from tests.support.in_memory_server import Connection, InMemoryServer, Response, chat

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


class HttpTestCase(SynchronousTestCase):
    """Tests with an in-memory server and a connection to it."""

    server: InMemoryServer
    connection: Connection

    def fail_at_text(self, encoder: type[Encoder]) -> None:
        """Make the encoders of this class raise an exception at every text delta."""
        feed = encoder.feed

        def raise_at_text(self: Encoder, event: e.Event, choice: int = 0) -> list[StreamEvent]:
            if isinstance(event, e.TextDelta):
                raise ValueError("secret")
            return feed(self, event, choice)

        self.patch(encoder, "feed", raise_at_text)

    def assert_nothing_running(self) -> None:
        """Check that no request and no background response runs and no timer is left."""
        self.assertEqual(self.server.metric("codexd_requests_running"), 0)
        self.assertEqual(self.server.metric("codexd_background_running"), 0)
        idle = [call for call in self.server.clock.getDelayedCalls() if "TimeoutMixin" not in str(call)]
        self.assertEqual(idle, [])


class ChatTestCase(HttpTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(keepalive_seconds=15.0))
        self.connection = self.server.connect()

    def ask(self, **fields: object) -> list[FakeTurn]:
        """Send a Chat request and return the turns begun so far."""
        self.connection.request("POST", CHAT, chat(**fields), x_request_id="one")
        return list(self.server.backend.turns)

    def start_stream(self, **fields: object) -> FakeTurn:
        """Send a streamed Chat request and return its turn."""
        return self.ask(stream=True, **fields)[0]

    def texts(self, connection: Connection | None = None) -> list[object]:
        """Return a stream's text deltas and finish reasons, `usage` for the usage, other events unchanged."""
        events = (connection or self.connection).response.events
        return [one if not isinstance(one, dict) or "choices" not in one else _text_or_finish(one) for one in events]


class ResponsesTestCase(HttpTestCase):
    """Tests of stored responses; the store answers at once unless its calls are delayed."""

    def setUp(self) -> None:
        self.open(InMemoryServer(Http(keepalive_seconds=15.0), responses=Responses(background_limit=2)))

    def open(self, server: InMemoryServer) -> None:
        """Use this server."""
        self.server, self.store = server, server.store
        self.connection = server.connect()

    def ask(self, **fields: object) -> FakeTurn:
        """Send a request and return its turn."""
        self.post(**fields)
        return self.server.backend.turns[-1]

    def post(self, **fields: object) -> Connection:
        """Send a request on a new connection, which becomes `connection`."""
        self.connection = self.server.connect()
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi"} | fields)
        return self.connection

    def start_background(self, **fields: object) -> FakeTurn:
        """Start a background answer, whose client disconnects once it has the id, and return its turn."""
        turn = self.ask(background=True, **fields)
        self.background_id = self.response_id
        self.connection.disconnect()
        return turn

    def get(self, id: str, query: str = "") -> Response:
        return self.server.request("GET", f"{RESPONSES}/{id}{query}")

    def replay(self, id: str, query: str = "") -> Connection:
        """Request the stream of a background answer and return the connection."""
        connection = self.server.connect()
        connection.request("GET", f"{RESPONSES}/{id}?stream=true{query}")
        return connection

    def drain_beyond_deadline(self, turn: FakeTurn) -> "Deferred[None]":
        """Drain for longer than a turn may take; it is cancelled, and its end is stored before the drain can end."""
        closed = self.server.drain.run()
        self.store.delay_calls()
        self.server.clock.advance(10)
        self.assertEqual(turn.actions, ["cancel"])
        self.assertNoResult(closed)
        self.store.run_delayed_calls()
        return closed

    @property
    def response_id(self) -> str:
        """The id of the last response, streamed or not."""
        response = self.connection.response
        if "event-stream" in response.headers["content-type"]:
            return str(response.events[0]["response"]["id"])
        return str(response.json["id"])


def event_types(connection: Connection) -> list[str]:
    """Return the types of a stream's events without `response.`; empty for a comment."""
    return ["" if one is None else one["type"].removeprefix("response.") for one in connection.response.events]


def _text_or_finish(chunk: dict[str, Any]) -> object:
    if not chunk["choices"]:
        return "usage"
    choice = chunk["choices"][0]
    return choice["finish_reason"] or choice["delta"].get("content")
