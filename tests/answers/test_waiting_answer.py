"""Answers whose turn waits for room at the back end, as HTTP clients see them."""

from codexd.settings import Http, Queue
from tests.support.fake_backend import FakeTurn, text_answer
from tests.support.http_cases import CHAT, HttpTestCase
from tests.support.in_memory_server import Connection, InMemoryServer, chat
from tests.support.limited_backend import QueueHarness

COMPLETIONS, RESPONSES = "/v1/completions", "/v1/responses"
BODIES = {
    CHAT: chat(),
    COMPLETIONS: {"model": "gpt-5", "prompt": "hi"},
    RESPONSES: {"model": "gpt-5", "input": "hi", "store": False},
}


class WaitingAnswerTests(HttpTestCase):
    def setUp(self) -> None:
        self.build()

    def build(self, max_wait_seconds: float = 10.0) -> None:
        self.queue = QueueHarness(1, Queue(max_wait_seconds=max_wait_seconds))
        self.server = InMemoryServer(Http(keepalive_seconds=15.0), wrap_backend=lambda _: self.queue.backend)
        self.post(CHAT)

    def post(self, path: str, **fields: object) -> Connection:
        self.connection = self.server.connect()
        self.connection.request("POST", path, BODIES[path] | fields)
        return self.connection

    def advance(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.server.clock.advance(1)
            self.queue.clock.advance(1)

    @property
    def begun(self) -> list[FakeTurn]:
        return self.queue.model.turns

    def test_a_request_that_waited_is_answered_and_logged_with_its_wait(self) -> None:
        for path in BODIES:
            for stream in (False, True):
                self.build()
                self.post(path, stream=stream)
                self.advance(3)
                self.assertEqual((len(self.begun), self.connection.transport.writes), (1, []))
                self.queue.model.finish()
                self.queue.clock.advance(0)
                self.queue.model.finish()
                self.assertEqual((self.connection.response.status, self.connection.response.whole), (200, True))
                self.assertEqual(self.server.log.records[-1].queue_seconds, 3.0)

    def test_a_request_that_waited_too_long_is_refused_whether_it_is_streamed_or_not(self) -> None:
        for path in BODIES:
            for stream in (False, True):
                self.build()
                self.post(path, stream=stream)
                self.advance(9)
                self.assertEqual(self.connection.transport.writes, [])
                self.advance(1)
                response = self.connection.response
                self.assertEqual((response.status, response.error["code"]), (429, "rate_limit_exceeded"))
                self.assertEqual((response.headers["retry-after"], len(self.begun)), ("10", 1))
                self.assertEqual(self.server.log.records[-1].outcome, "busy")

    def test_a_stream_that_was_kept_alive_ends_with_the_error(self) -> None:
        for path in BODIES:
            self.build(max_wait_seconds=20.0)
            self.post(path, stream=True)
            self.advance(16)
            self.assertEqual(self.connection.response.status, 200)
            self.advance(4)
            response = self.connection.response
            self.assertTrue(response.whole)
            self.assertIn(b"rate_limit_exceeded", response.body)
            self.assertEqual(response.body.count(b"rate_limit_exceeded"), 1)
            self.assertEqual(response.headers["content-type"], "text/event-stream; charset=utf-8")
            end = response.events[-1]
            self.assertEqual(end.get("error", end.get("response", {}).get("error"))["code"], "rate_limit_exceeded")

    def test_a_client_that_disconnects_leaves_the_queue(self) -> None:
        for stream in (False, True):
            self.build()
            self.post(CHAT, stream=stream)
            self.connection.disconnect()
            self.queue.model.finish()
            self.advance(1)
            self.assertEqual(len(self.begun), 1)
            self.assertEqual([record.outcome for record in self.server.log.records], ["client_disconnected", "ok"])

    def test_every_choice_waits_for_itself_and_one_that_waits_in_vain_ends_the_answer(self) -> None:
        self.post(CHAT, n=3)
        self.queue.model.finish()
        self.advance(1)
        self.queue.model.running[0].emit(*text_answer()[:-1])
        self.advance(9)
        self.assertEqual(self.connection.response.status, 429)
        self.assertTrue(self.begun[1].cancelled)
        self.assertEqual((len(self.begun), self.queue.model.running), (2, []))
