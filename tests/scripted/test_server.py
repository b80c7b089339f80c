"""Tests of the server of the scripted model, over in-memory transports."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted import server
from codexd.wire.json import encode
from tests.scripted.client import Client

CHAT = "/v1/chat/completions"


class AnswerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Client()

    def test_a_short_stream_is_sent_at_once(self) -> None:
        self.client.ask("say: hi")
        received = self.client.received()
        self.assertTrue(received.complete)
        self.assertEqual(received.status, 200)
        self.assertEqual(received.headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual(received.events[-1]["type"], "response.completed")
        self.assertTrue(received.headers["x-request-id"].startswith("req_"))

    def test_chat_streams_too(self) -> None:
        self.client.ask("say: hi", CHAT)
        self.assertTrue(self.client.received().body.endswith(b"[DONE]\n\n"))

    def test_a_long_stream_is_sent_in_whole_events_over_several_turns(self) -> None:
        self.client.ask("long: 40")
        self.assertFalse(self.client.received().complete)
        self.client.clock.advance(0)
        received = self.client.received()
        self.assertTrue(received.complete)
        self.assertEqual([chunk.count(b"event: ") for chunk in received.chunks], [16, 16, 16])
        self.assertTrue(all(chunk.endswith(b"\n\n") for chunk in received.chunks))

    def test_an_answer_may_be_one_body(self) -> None:
        for path, kind in (("/v1/responses", "response"), (CHAT, "chat.completion")):
            client = Client()
            client.ask("say: hi", path, stream=False)
            received = client.received()
            self.assertEqual(received.headers["content-type"], "application/json")
            self.assertEqual(received.json["object"], kind)

    def test_slow_words_are_sent_every_fifty_milliseconds(self) -> None:
        self.client.ask("slow: 4")
        for words in range(1, 5):
            deltas = [event for event in self.client.received().events if "delta" in event]
            self.assertEqual(len(deltas), words)
            self.client.clock.advance(0.05)
        self.assertTrue(self.client.received().complete)

    def test_a_slow_answer_that_is_not_streamed_is_as_slow(self) -> None:
        self.client.ask("slow: 4", stream=False)
        self.client.clock.advance(0.14)
        self.assertEqual(self.client.transport.value(), b"")
        self.client.clock.advance(0.02)
        self.assertEqual(self.client.received().status, 200)

    def test_pace_sends_each_frame_in_its_own_write(self) -> None:
        self.client.ask("pace: 10\nsay: a b")
        for frames in range(1, 11):
            self.assertEqual(len(self.client.received().events), frames)
            self.client.clock.advance(0.01)
        self.assertTrue(self.client.received().complete)

    def test_a_connection_serves_many_requests(self) -> None:
        for _ in range(3):
            self.client.transport.clear()
            self.client.ask("say: hi")
            self.assertTrue(self.client.received().complete)
        self.assertTrue(self.client.transport.connected)
        self.assertEqual(len(self.client.model.received), 3)


class FailureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Client()

    def test_a_status_has_the_error_envelope(self) -> None:
        for path in ("/v1/responses", CHAT):
            client = Client()
            client.ask("fail: 429", path)
            received = client.received()
            self.assertEqual((received.status, received.headers["retry-after"]), (429, "1"))
            self.assertEqual(received.json["error"]["code"], "rate_limit_exceeded")

    def test_a_code_is_a_failed_stream_or_a_status(self) -> None:
        self.client.ask("fail: server_is_overloaded")
        self.assertEqual(self.client.received().events[-1]["type"], "response.failed")
        self.client.transport.clear()
        self.client.ask("fail: server_is_overloaded", stream=False)
        received = self.client.received()
        self.assertEqual((received.status, received.json["error"]["code"]), (503, "server_is_overloaded"))

    def test_cut_closes_the_connection_before_the_end(self) -> None:
        self.client.ask("cut: a b")
        self.assertFalse(self.client.transport.connected)
        received = self.client.received()
        self.assertFalse(received.complete)
        self.assertEqual([event["delta"] for event in received.events if "delta" in event], ["a ", "b"])
        self.assertEqual(self.client.model.open, 0)

    def test_cut_of_an_answer_that_is_not_streamed_sends_nothing(self) -> None:
        self.client.ask("cut: a b", stream=False)
        self.assertEqual((self.client.transport.connected, self.client.transport.value()), (False, b""))

    def test_garble_sends_an_event_that_is_not_json_and_ends_normally(self) -> None:
        for path in ("/v1/responses", CHAT):
            for stream in (True, False):
                client = Client()
                client.ask("garble: a", path, stream=stream)
                received = client.received()
                self.assertEqual((received.status, received.complete), (200, True))
                self.assertTrue(received.body.endswith(b'data: {"garbled":\n\n'))
                self.assertEqual(b'"a"' in received.body, stream)

    def test_hang_and_stall_keep_the_connection_open(self) -> None:
        for text, stream, count in [("hang:", True, 1), ("stall: a b", True, 6), ("stall: a", False, None)]:
            client = Client()
            client.ask(text, stream=stream)
            client.clock.advance(3600)
            self.assertTrue(client.transport.connected)
            self.assertEqual(client.model.open, 1)
            if count is None:
                self.assertEqual(client.transport.value(), b"")
            else:
                self.assertFalse(client.received().complete)
                self.assertEqual(len(client.received().events), count)


class DisconnectTests(SynchronousTestCase):
    def test_a_disconnect_stops_the_answer(self) -> None:
        for text, stream in [
            ("slow: 100", True),
            ("slow: 100", False),
            ("hang:", True),
            ("pace: 5\nlong: 9", True),
        ]:
            client = Client()
            client.ask(text, stream=stream)
            self.assertEqual(client.model.open, 1)
            client.disconnect()
            self.assertEqual(client.model.open, 0)
            self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_a_finished_answer_is_not_open(self) -> None:
        client = Client()
        client.ask("say: hi")
        self.assertEqual(client.model.open, 0)

    def test_close_aborts_every_answer(self) -> None:
        client = Client()
        client.ask("slow: 100")
        client.model.close()
        self.assertFalse(client.transport.connected)
        self.assertEqual((client.model.open, client.clock.getDelayedCalls()), (0, []))


class RouteTests(SynchronousTestCase):
    def received(self, method: str, path: str) -> tuple[int, object]:
        client = Client()
        client.send(method, path, b"")
        received = client.received()
        return received.status, received.json

    def test_the_models_are_listed_for_openai_s_clients_and_for_codex(self) -> None:
        card = {"id": "scripted", "object": "model", "created": 0, "owned_by": "codexd"}
        self.assertEqual(self.received("GET", "/v1/models"), (200, {"object": "list", "data": [card], "models": []}))
        self.assertEqual(self.received("GET", "/v1/models/scripted"), (200, card))

    def test_other_paths_and_methods_are_rejected_with_json(self) -> None:
        for method, path, status in [
            ("GET", "/", 404),
            ("GET", "/v1/models/other", 404),
            ("POST", "/v1/responses/", 404),
            ("GET", "/v1/responses", 405),
            ("POST", "/v1/models", 405),
        ]:
            actual, body = self.received(method, path)
            self.assertEqual(actual, status)
            self.assertIn("error", body)  # type: ignore[arg-type]

    def test_a_wrong_method_has_an_allow_header(self) -> None:
        client = Client()
        client.send("GET", "/v1/responses")
        self.assertEqual(client.received().headers["allow"], "POST")


class RecordedRequestTests(SynchronousTestCase):
    def test_a_request_is_recorded_with_its_body_and_some_headers(self) -> None:
        client = Client()
        client.send("POST", CHAT, b'{"messages": []}', Authorization="Bearer k", X_Other="no")
        (recorded,) = client.model.received
        self.assertEqual((recorded.path, recorded.body), (CHAT, {"messages": []}))
        self.assertEqual(recorded.headers, {"authorization": "Bearer k"})
        self.assertNotIn("Bearer", repr(recorded))

    def test_only_the_last_requests_are_recorded(self) -> None:
        client = Client()
        self.patch(server, "MAX_RECORDED_REQUESTS", 3)
        for number in range(5):
            client.ask(str(number))
        self.assertEqual([recorded.body["input"] for recorded in client.model.received], ["2", "3", "4"])

    def test_the_recorded_bytes_are_limited(self) -> None:
        client = Client()
        size = len(encode({"stream": True, "input": "0"}))
        self.patch(server, "MAX_RECORDED_BYTES", 2 * size)
        for number in range(5):
            client.ask(str(number))
        self.assertEqual([recorded.body["input"] for recorded in client.model.received], ["3", "4"])

    def test_an_invalid_request_is_not_recorded(self) -> None:
        client = Client()
        client.send("POST", CHAT, b"{")
        self.assertEqual(len(client.model.received), 0)
