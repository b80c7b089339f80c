from codexd.neutral import event as e
from codexd.neutral.fault import fault
from tests.support.answers import AnswerCase
from tests.support.backend import USAGE, hello


class TestWhole(AnswerCase):
    def test_an_answer_is_one_body_when_everything_is_known(self) -> None:
        self.web.backend.ignored = ("seed",)
        (turn,) = self.ask()
        self.web.clock.advance(0.5)
        turn.tell(*hello()[:-1])
        self.web.clock.advance(100)
        self.assertEqual(self.connection.received, b"")
        turn.tell(hello()[-1])
        response = self.connection.response
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(response.headers["x-codexd-ignored"], "seed")
        self.assertEqual(response.headers["openai-processing-ms"], "100500")
        self.assertEqual(response.json["choices"][0]["message"]["content"], "Hello")
        self.assertEqual(response.json["usage"]["prompt_tokens"], USAGE.input_tokens)
        self.nothing_left()

    def test_a_failure_is_an_error_however_late(self) -> None:
        (turn,) = self.ask()
        turn.tell(*hello()[:-2], e.Failed(fault("child_died")))
        response = self.connection.response
        self.assertEqual((response.status, response.error["code"]), (503, "child_died"))
        self.assertEqual(response.headers["retry-after"], "1")
        self.assertEqual(self.web.log.records[0].outcome, "child_died")
        self.nothing_left()
