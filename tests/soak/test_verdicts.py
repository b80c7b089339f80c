from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.soak.samples import Sample, slope_per_minute
from tests.soak.verdicts import (
    Verdict,
    judge_chat_body,
    judge_chat_stream,
    judge_error,
    judge_response_body,
    judge_response_events,
)

ERROR = {"message": "No.", "type": "server_error", "param": None, "code": "stream_cut"}
DEFECT = ERROR | {"code": "internal"}


def text(value: Any) -> str:
    return json.encode(value).decode()


def chunk(content: str | None = None, reason: str | None = None) -> str:
    return text({"choices": [{"delta": {"content": content}, "finish_reason": reason}]})


def completed(said: str, **more: Any) -> dict[str, Any]:
    output = [{"type": "message", "content": [{"text": said}]}]
    return {"status": "completed", "output": output, "usage": {"total_tokens": 1}, "error": None, **more}


class ChatStreamTests(SynchronousTestCase):
    def judge(self, *events: str) -> str:
        return judge_chat_stream(events, "a b").outcome

    def test_a_whole_stream_is_ok(self) -> None:
        self.assertEqual(self.judge(chunk("a "), chunk("b"), chunk(None, "stop"), "[DONE]"), "ok")
        self.assertEqual(self.judge(chunk("a "), chunk(None, "length"), "[DONE]"), "ok")

    def test_an_error_as_the_last_event_is_an_honest_failure(self) -> None:
        self.assertEqual(self.judge(chunk("a "), text({"error": ERROR})), "failed")

    def test_everything_else_is_dishonest(self) -> None:
        for events in (
            (),
            (chunk("a "),),
            (chunk("a "), chunk(None, "stop"), "[DONE]"),
            (chunk("a b"), "[DONE]"),
            (chunk("a b", "stop"), chunk(None, "stop"), "[DONE]"),
            (text({"error": ERROR}), "[DONE]"),
            (text({"error": DEFECT}),),
        ):
            self.assertEqual(self.judge(*events), "dishonest", events)


class ResponseTests(SynchronousTestCase):
    def test_exactly_one_terminal_event_ends_a_stream(self) -> None:
        end = text({"type": "response.completed", "response": completed("a")})
        created = text({"type": "response.created"})
        self.assertEqual(judge_response_events((created, end), "a"), Verdict("ok"))
        for events in ((created,), (end, end), (end, created)):
            self.assertFalse(judge_response_events(events, "a").is_honest)
        self.assertEqual(judge_response_events((text({**ERROR, "type": "error"}),), "a").outcome, "failed")

    def test_a_response_that_is_over_is_judged_by_its_status(self) -> None:
        self.assertEqual(judge_response_body(completed("a"), "a").outcome, "ok")
        self.assertEqual(judge_response_body(completed("b"), "a").outcome, "dishonest")
        self.assertEqual(judge_response_body(completed("a", usage=None), "a").outcome, "dishonest")
        self.assertEqual(judge_response_body(completed("", status="failed", error=ERROR), "a").outcome, "failed")
        self.assertEqual(judge_response_body(completed("", status="failed", error=DEFECT), "a").outcome, "dishonest")
        cut = completed("", status="incomplete", incomplete_details={"reason": "max_output_tokens"})
        self.assertEqual(judge_response_body(cut, "a").outcome, "incomplete")
        self.assertEqual(judge_response_body(completed("a", status="cancelled"), "a").outcome, "disconnected")


class BodyTests(SynchronousTestCase):
    def test_a_body_has_the_text_and_the_usage(self) -> None:
        def judge(said: str, usage: Any) -> str:
            choice = {"finish_reason": "stop", "message": {"content": said}}
            return judge_chat_body({"choices": [choice], "usage": usage}, "a").outcome

        self.assertEqual(judge("a", {"total_tokens": 1}), "ok")
        self.assertEqual((judge("b", {"total_tokens": 1}), judge("a", None)), ("dishonest", "dishonest"))

    def test_an_error_has_the_shape_of_openai_s_and_is_no_defect(self) -> None:
        self.assertEqual(judge_error(502, text({"error": ERROR}).encode()), Verdict("refused", "502 stream_cut"))
        for body in (
            b"",
            b"<html>",
            b"{}",
            text({"error": {"message": "x"}}).encode(),
            text({"error": DEFECT}).encode(),
        ):
            self.assertFalse(judge_error(500, body).is_honest, body)


class SlopeTests(SynchronousTestCase):
    def test_it_is_that_of_the_second_half_per_minute(self) -> None:
        samples = [Sample(second, {"bytes": 100.0 if second < 30 else 100.0 + second}) for second in range(60)]
        self.assertAlmostEqual(slope_per_minute(samples, "bytes"), 60)
        self.assertEqual(slope_per_minute(samples[:1], "bytes"), 0)
