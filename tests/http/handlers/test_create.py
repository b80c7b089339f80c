from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.cases import each_set_up
from tests.support.fake_backend import BEGINNING, message, text_answer
from tests.support.http_cases import CHAT, RESPONSES, ResponsesTestCase, event_types
from tests.support.in_memory_server import InMemoryServer, Response, chat


class CreateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def answer(self, path: str, body: object, **headers: str) -> Response:
        """Send a request, let the model answer and return the response."""
        connection = self.server.connect()
        connection.request("POST", path, body, **headers)
        self.server.backend.turns.pop().emit(*text_answer())
        return connection.response

    def test_a_chat_request_gets_a_chat_completion(self) -> None:
        for path in (CHAT, "/chat/completions", "/v1/v1/chat/completions/", "/api/v1/chat/completions"):
            response = self.answer(path, chat())
            self.assertEqual(response.json["object"], "chat.completion")
            self.assertEqual(response.json["choices"][0]["message"]["content"], "Hello")

    def test_a_responses_request_gets_a_response(self) -> None:
        for path in (RESPONSES, "/responses", "/v1/v1/responses"):
            response = self.answer(path, {"model": "gpt-5", "input": "hi"})
            self.assertEqual((response.json["object"], response.json["status"]), ("response", "completed"))

    def test_a_responses_body_at_the_chat_endpoint_gets_a_chat_completion(self) -> None:
        response = self.answer(CHAT, {"model": "gpt-5", "input": "hi", "stream": True})
        self.assertEqual(response.events[0]["object"], "chat.completion.chunk")

    def test_the_route_and_the_dialect_are_logged(self) -> None:
        self.answer(CHAT, chat(stream=True))
        self.answer(RESPONSES, {"model": "gpt-5", "input": "hi"})
        logged = [(record.route, record.dialect, record.model, record.stream) for record in self.server.log.records]
        self.assertEqual(logged, [(CHAT, "chat", "gpt-5", True), (RESPONSES, "responses", "gpt-5", False)])

    def test_reasoning_content_is_shown_if_it_is_configured(self) -> None:
        for shown in (True, False):
            self.server = InMemoryServer(Http(reasoning_content=shown))
            connection = self.server.connect()
            connection.request("POST", CHAT, chat())
            reasoning = (e.ReasoningOpened(0, "rs_0"), e.SummaryDelta(0, 0, "hm"), e.ReasoningClosed(0))
            self.server.backend.turns[0].emit(e.Began(), *reasoning, *message(index=1), e.Ended("stop"))
            message_shown = connection.response.json["choices"][0]["message"]
            self.assertEqual(message_shown.get("reasoning_content"), "hm" if shown else None)


class ContinuationTests(ResponsesTestCase):
    """The history of a request is loaded before it is answered."""

    def store_response(self) -> str:
        """Store a response and return its id."""
        self.ask().emit(*text_answer())
        return self.response_id

    def test_the_history_is_part_of_the_turn(self) -> None:
        turn = self.ask(previous_response_id=self.store_response(), input="more")
        texts = [item.parts[0].text for item in turn.turn.items]
        self.assertEqual(texts, ["hi", "Hello", "more"])
        turn.emit(*text_answer())
        self.assertEqual(self.connection.response.status, 200)

    def test_a_request_without_history_does_not_wait_for_the_store(self) -> None:
        self.store.delay_calls()
        self.ask(stream=True).emit(*BEGINNING)
        self.assertIn("output_text.delta", event_types(self.connection))

    def test_nothing_is_begun_for_a_client_that_leaves_while_the_history_is_loaded(self) -> None:
        id = self.store_response()
        self.store.delay_calls()
        self.post(previous_response_id=id)
        self.connection.disconnect()
        self.store.run_delayed_calls()
        self.assertEqual(len(self.server.backend.turns), 1)
        self.assertEqual(self.server.log.records[-1].outcome, "client_disconnected")
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assert_nothing_running()

    def test_a_request_is_refused_if_draining_began_while_the_history_was_loaded(self) -> None:
        for stream in each_set_up(self, True, False):
            id = self.store_response()
            self.store.delay_calls()
            self.post(previous_response_id=id, stream=stream)
            drained = self.server.drain.run()
            self.assertNoResult(drained)
            self.store.run_delayed_calls()
            self.assertEqual(self.connection.response.error["code"], "shutting_down")
            self.successResultOf(drained)
            self.assert_nothing_running()

    def test_a_client_that_leaves_after_the_history_was_loaded_cancels_the_model(self) -> None:
        turn = self.ask(previous_response_id=self.store_response(), stream=True)
        turn.emit(*BEGINNING)
        self.connection.disconnect()
        self.assertEqual(turn.actions, ["cancel"])
        self.assert_nothing_running()

    def test_a_running_answer_cannot_be_continued(self) -> None:
        self.start_background()
        self.post(previous_response_id=self.background_id)
        error = self.connection.response.error
        self.assertEqual((error["code"], error["param"]), ("response_in_progress", "previous_response_id"))

    def test_a_store_that_fails_is_a_500(self) -> None:
        id = self.store_response()
        self.store.fail()
        self.post(previous_response_id=id)
        self.assertEqual(self.connection.response.status, 500)
        self.assert_nothing_running()


class CompatibilityModeTests(ResponsesTestCase):
    def test_the_mode_of_the_header_applies_to_the_stream_and_to_its_replays(self) -> None:
        body = {"model": "gpt-5", "input": "hi", "stream": True, "background": True}
        self.connection.request("POST", RESPONSES, body, x_codexd_compatibility="tool-events")
        self.server.backend.turns[0].emit(*text_answer())
        self.assertEqual(event_types(self.connection)[-1], "done")
        self.assertEqual(self.replay(self.response_id).response.body, self.connection.response.body)

    def test_an_unknown_mode_is_400(self) -> None:
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi"}, x_codexd_compatibility="x")
        self.assertEqual(self.connection.response.error["param"], "x-codexd-compatibility")
