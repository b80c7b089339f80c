"""A check fails when a response is wrong, and is skipped when it does not apply."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.smoke.checks import CHECKS
from codexd.smoke.client import SmokeError, SmokeResponse
from codexd.smoke.target import SmokeSkip, SmokeTarget
from tests.smoke.fake_client import FakeClient

CHAT = "POST /v1/chat/completions"
RESPONSES = "POST /v1/responses"
ERROR = {"error": {"message": "m", "type": "t", "param": None, "code": None}}


def choice(**members: Any) -> Any:
    return {
        "choices": [{"finish_reason": "stop", "message": {"content": "ok"}} | members],
        "usage": {"total_tokens": 1},
    }


class CheckTests(SynchronousTestCase):
    def run_check(self, name: str, answers: dict[str, Any], key: str | None = None) -> str:
        check = next(check for check in CHECKS if check.name == name)
        return check.run(SmokeTarget(client=FakeClient(answers=answers, key=key), model="scripted"))

    def assert_fails(self, text: str, name: str, answers: dict[str, Any]) -> None:
        error = self.assertRaises(SmokeError, self.run_check, name, answers)
        self.assertIn(text, str(error))

    def test_the_names_are_unique(self) -> None:
        self.assertEqual(len({check.name for check in CHECKS}), len(CHECKS))

    def test_a_probe_that_fails_is_named(self) -> None:
        self.assert_fails("GET /readyz: status 503", "probes", {"GET /livez": (200, {}), "GET /readyz": (503, {})})

    def test_a_page_of_another_server_is_not_shown(self) -> None:
        page = SmokeResponse(200, {"content-type": "text/html"}, b"<html>It works!</html>")
        self.assertEqual(page.describe(), "status 200: text/html")
        error = self.assertRaises(SmokeError, lambda: page.json)
        self.assertEqual(str(error), "the body is not JSON: status 200: text/html")

    def test_an_error_fails_the_check_with_its_message(self) -> None:
        self.assert_fails("status 404: not there", "chat", {})

    def test_a_chat_answer_has_a_text_and_ends(self) -> None:
        self.assertEqual(self.run_check("chat", {CHAT: (200, choice())}), "1 token")
        self.assert_fails("is empty", "chat", {CHAT: (200, choice(message={"content": ""}))})
        self.assert_fails("finish_reason length", "chat", {CHAT: (200, choice(finish_reason="length"))})

    def test_a_stream_has_a_text_and_ends_with_done(self) -> None:
        text = b'{"choices":[{"delta":{"content":"ok"},"finish_reason":null}]}'
        end = b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'
        self.assertEqual(self.run_check("chat, streamed", {CHAT: [text, end, b"[DONE]"]}), "2 chunks")
        self.assert_fails("does not end with [DONE]", "chat, streamed", {CHAT: [text, end]})
        self.assert_fails("has no text", "chat, streamed", {CHAT: [end, b"[DONE]"]})
        self.assert_fails("does not end", "chat, streamed", {CHAT: []})

    def test_the_events_of_a_response_are_complete_and_in_order(self) -> None:
        first = b'{"type":"response.created","sequence_number":0}'
        last = b'{"type":"response.completed","sequence_number":%d}'
        self.assertEqual(self.run_check("responses, streamed", {RESPONSES: [first, last % 1]}), "2 events")
        self.assert_fails("gaps", "responses, streamed", {RESPONSES: [first, last % 2]})
        self.assert_fails("ends with response.created", "responses, streamed", {RESPONSES: [first]})

    def test_a_stored_response_equals_the_one_that_was_sent(self) -> None:
        answers = {
            RESPONSES: (200, {"id": "resp_1", "status": "completed"}),
            "GET /v1/responses/resp_1": (200, {"id": "resp_1", "status": "failed"}),
        }
        self.assert_fails("differs", "responses", answers)

    def test_errors_have_the_form_of_openai(self) -> None:
        answers = {CHAT: (400, ERROR)}
        self.assert_fails("status 400, not 404", "errors", answers)
        self.assert_fails("no OpenAI error", "errors", {CHAT: (400, {"error": {"message": "m"}})})

    def test_a_model_that_calls_no_tool_fails(self) -> None:
        self.assert_fails("called no tool", "tools", {CHAT: (200, choice())})

    def test_a_wrong_key_must_be_refused(self) -> None:
        self.assertIn("refused", self.run_check("keys", {"GET /v1/models": (401, ERROR)}, "sk-1"))
        error = self.assertRaises(SmokeError, self.run_check, "keys", {"GET /v1/models": (500, ERROR)}, "sk-1")
        self.assertIn("has status 500", str(error))
        self.assertRaises(SmokeSkip, self.run_check, "keys", {"GET /v1/models": (200, {})}, "sk-1")

    def test_what_does_not_apply_is_skipped_with_the_reason(self) -> None:
        for name, answers, reason in (
            ("embeddings", {}, "--embedding-model"),
            ("keys", {}, "no API key"),
            ("usage", {}, "has no /v1/usage"),
            ("usage", {"GET /v1/usage": (403, ERROR)}, "may not read the usage"),
            ("metrics", {"GET /metrics": (403, ERROR)}, "may not read the metrics"),
        ):
            skipped = self.assertRaises(SmokeSkip, self.run_check, name, answers)
            self.assertIn(reason, str(skipped))
