from codexd.neutral import event as e
from codexd.neutral.fault import fault
from tests.support.fake_backend import USAGE, text_answer
from tests.support.http_cases import ChatTestCase


class JsonWriterTests(ChatTestCase):
    def test_the_body_is_sent_at_the_end_of_the_answer(self) -> None:
        self.server.backend.ignored = ("seed",)
        (turn,) = self.ask()
        self.server.clock.advance(0.5)
        turn.emit(*text_answer()[:-1])
        self.server.clock.advance(100)
        self.assertEqual(self.connection.received, b"")
        turn.emit(text_answer()[-1])
        response = self.connection.response
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(response.headers["x-codexd-ignored"], "seed")
        self.assertEqual(response.headers["openai-processing-ms"], "100500")
        self.assertEqual(response.json["choices"][0]["message"]["content"], "Hello")
        self.assertEqual(response.json["usage"]["prompt_tokens"], USAGE.input_tokens)
        self.assert_nothing_running()

    def test_a_failure_after_the_first_event_is_an_http_error(self) -> None:
        (turn,) = self.ask()
        turn.emit(*text_answer()[:-2], e.Failed(fault("child_died")))
        response = self.connection.response
        self.assertEqual((response.status, response.error["code"]), (503, "child_died"))
        self.assertEqual(response.headers["retry-after"], "1")
        self.assertEqual(self.server.log.records[0].outcome, "child_died")
        self.assert_nothing_running()
