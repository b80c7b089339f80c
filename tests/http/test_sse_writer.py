from codexd.interfaces import IEventSink
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.settings import Http
from tests.support.fake_backend import text_answer
from tests.support.http_cases import RESPONSES, ChatTestCase
from tests.support.in_memory_server import InMemoryServer


class SseWriterTests(ChatTestCase):
    def test_a_streamed_answer_is_a_stream_of_events(self) -> None:
        turn = self.start_stream(stream_options={"include_usage": True})
        turn.emit(*text_answer("Hel", "lo"))
        self.assertEqual(self.texts(), ["", "Hel", "lo", "stop", "usage", "[DONE]"])
        self.assertTrue(self.connection.response.whole)
        self.assertTrue(self.connection.open)
        self.assert_nothing_running()

    def test_a_stream_has_its_headers(self) -> None:
        self.server.backend.ignored = ("temperature", "seed")
        turn = self.start_stream(prediction={})
        self.server.clock.advance(0.25)
        turn.emit(e.Began())
        response = self.connection.response
        self.assertEqual((response.status, response.reason), (200, "OK"))
        headers = response.headers
        self.assertEqual(headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual(headers["cache-control"], "no-cache")
        self.assertEqual(headers["x-accel-buffering"], "no")
        self.assertEqual(headers["x-request-id"], "one")
        self.assertEqual(headers["openai-processing-ms"], "250")
        self.assertEqual(headers["openai-version"], "2020-10-01")
        self.assertEqual(headers["x-codexd-ignored"], "prediction, temperature, seed")
        self.assertNotIn("content-length", headers)

    def test_a_field_that_the_back_end_forwards_is_not_reported_as_ignored(self) -> None:
        turn = self.start_stream(prediction={}, top_k=4)
        turn.ignored = ("top_k",)
        turn.emit(e.Began())
        self.assertEqual(self.connection.response.headers["x-codexd-ignored"], "top_k")

    def test_without_ignored_fields_there_is_no_header(self) -> None:
        self.start_stream().emit(e.Began())
        self.assertNotIn("x-codexd-ignored", self.connection.response.headers)

    def test_nothing_is_sent_before_the_first_event(self) -> None:
        self.start_stream().sink.settle()
        self.assertEqual(self.connection.received, b"")

    def test_all_events_of_one_reactor_turn_leave_in_one_write(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began(), e.MessageOpened(0, "m"))
        before = len(self.connection.transport.writes)
        turn.emit(*(e.TextDelta(0, "a") for _ in range(50)))
        self.assertEqual(len(self.connection.transport.writes), before + 1)
        self.assertEqual(len(self.connection.response.chunks), 2)

    def test_settled_events_are_not_sent_twice(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began())
        before = self.connection.received
        turn.sink.settle()
        self.server.clock.advance(0)
        self.assertEqual(self.connection.received, before)

    def test_every_choice_is_begun_with_the_context_of_the_request(self) -> None:
        self.start_stream(n=2)
        contexts = [turn.context for turn in self.server.backend.turns]
        self.assertEqual([context.id for context in contexts], ["one", "one"])
        contexts[0].record.set_backend("up")
        for turn in self.server.backend.turns:
            turn.emit(*text_answer())
        self.assertEqual(self.server.log.records[0].backend, "up")

    def test_a_complete_answer_inside_begin_is_delivered(self) -> None:
        self.server.backend.immediate_events = text_answer()
        self.server.backend.ignored = ("seed",)
        self.start_stream()
        self.assertEqual(self.texts(), ["", "Hel", "lo", "stop", "[DONE]"])
        self.assertEqual(self.connection.response.headers["x-codexd-ignored"], "seed")
        self.assert_nothing_running()

    def test_events_that_are_settled_inside_begin_wait_until_the_turn_has_begun(self) -> None:
        begin = self.server.backend.begin

        def flushing(turn: object, context: object, sink: IEventSink) -> object:
            sink.receive(e.Began())
            sink.settle()
            return begin(turn, context, sink)

        self.patch(self.server.backend, "begin", flushing)
        self.start_stream()
        self.assertEqual(self.texts(), [""])

    def test_a_responses_stream_has_responses_events(self) -> None:
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi", "stream": True})
        self.server.backend.turns[0].emit(*text_answer())
        event_types = [one["type"] for one in self.connection.response.events]
        self.assertEqual((event_types[0], event_types[-1]), ("response.created", "response.completed"))


class KeepaliveTests(ChatTestCase):
    def test_silence_before_the_first_event_opens_the_stream(self) -> None:
        turn = self.start_stream()
        self.server.clock.advance(14.9)
        self.assertEqual(self.connection.received, b"")
        self.server.clock.advance(0.1)
        self.assertEqual(self.texts(), ["", None])
        turn.emit(*text_answer("a"))
        self.assertEqual(self.texts(), ["", None, "a", "stop", "[DONE]"])

    def test_a_keepalive_before_the_first_event_opens_every_choice(self) -> None:
        first, second = self.ask(n=2, stream=True)
        self.server.clock.advance(15)
        self.assertEqual(self.texts(), ["", "", None])
        first.emit(*text_answer("a"))
        second.emit(*text_answer("b"))
        self.assertEqual(self.texts(), ["", "", None, "a", "stop", "b", "stop", "[DONE]"])

    def test_a_failure_after_a_keepalive_is_an_event_of_the_stream(self) -> None:
        turn = self.start_stream()
        self.server.clock.advance(15)
        turn.emit(e.Failed(fault("no_first_event")))
        self.assertEqual(self.connection.response.status, 200)
        self.assertEqual(self.connection.response.events[-1]["error"]["code"], "no_first_event")

    def test_a_keepalive_is_sent_after_every_silent_period(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began())
        self.server.clock.pump([5.0] * 9)
        self.assertEqual(self.texts(), ["", None, None, None])

    def test_no_keepalive_is_sent_while_the_model_sends_text(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began(), e.MessageOpened(0, "m"))
        for _ in range(10):
            self.server.clock.advance(10)
            turn.emit(e.TextDelta(0, "a"))
        self.assertNotIn(None, self.texts())

    def test_hidden_reasoning_counts_as_silence(self) -> None:
        self.server = InMemoryServer(Http(reasoning_content=False))
        self.connection = self.server.connect()
        turn = self.start_stream()
        turn.emit(e.Began(), e.ReasoningOpened(0, "r"))
        for _ in range(4):
            self.server.clock.advance(5)
            turn.emit(e.SummaryDelta(0, 0, "hm"))
        self.assertEqual(self.texts(), ["", None])

    def test_a_responses_stream_has_keepalive_events(self) -> None:
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi", "stream": True})
        self.server.clock.advance(15)
        self.server.backend.turns[0].emit(*text_answer()[:2])
        event_types = [one["type"] for one in self.connection.response.events]
        opened = ["response.created", "response.in_progress", "keepalive", "response.output_item.added"]
        self.assertEqual(event_types, opened)

    def test_a_body_response_has_no_keepalive(self) -> None:
        self.ask()
        self.server.clock.advance(1000)
        self.assertEqual(self.connection.received, b"")

    def test_a_client_that_is_behind_gets_no_keepalive(self) -> None:
        turn = self.start_stream()
        self.connection.transport.reading = False
        turn.emit(e.Began(), e.MessageOpened(0, "m"))
        turn.emit(e.TextDelta(0, "a" * 70_000))
        turn.emit(e.TextDelta(0, "b"))
        self.server.clock.advance(20)
        self.connection.transport.reading = True
        self.connection.transport.read(10**6)
        self.assertEqual(self.texts()[-1], "b")
