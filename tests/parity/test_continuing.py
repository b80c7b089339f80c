from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json, sse
from codexd.wire.json import Json
from tests.parity.answers import answered, told
from tests.parity.client import Response
from tests.parity.continuing import following
from tests.parity.reading import Unanswerable
from tests.parity.scenario import CHAT, RESPONSES, Ask, FollowUp, Reply, Results

USER = {"role": "user", "content": "hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": '{"at":1}'}}
OTHER = {"id": "call_2", "type": "custom", "custom": {"name": "patch", "input": "+a"}}
ASKED = {
    CHAT: Ask.saying(CHAT, {"model": "scripted", "messages": [USER], "stream": True}),
    RESPONSES: Ask.saying(RESPONSES, {"model": "scripted", "input": "hello"}),
}
ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "clock", "arguments": "{}"}
CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "patch", "input": "+a"}


def completion(**message: Json) -> Response:
    return answered({"choices": [{"message": {"role": "assistant", "refusal": None, **message}}]})


def chunks(*deltas: Json) -> Response:
    answer = told(*({"choices": [{"index": 0, "delta": delta}]} for delta in deltas), {"choices": []})
    return Response(answer.head, answer.body + sse.frame(b"[DONE]"), whole=True)


def added(door: str, answer: Response, follow: FollowUp) -> Json:
    """Give what the next request says beyond the first."""
    first, following_on = json.decode(ASKED[door].body), following(ASKED[door], answer, follow)
    body = json.decode(following_on.body)
    name = "messages" if door == CHAT else "input"
    assert {**body, name: None} == {**first, name: None}
    assert body[name][0] == USER
    return body[name][1:]


class ChatTests(SynchronousTestCase):
    def test_the_answer_and_the_next_question_follow_the_history(self) -> None:
        said = [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "bye"}]
        self.assertEqual(added(CHAT, completion(content="hi"), Reply("bye")), said)

    def test_every_call_gets_its_result(self) -> None:
        answer = completion(content=None, tool_calls=[CALL, OTHER])
        _, *results = added(CHAT, answer, Results(("noon", "done")))
        self.assertEqual(
            results,
            [
                {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
                {"role": "tool", "tool_call_id": "call_2", "content": "done"},
            ],
        )

    def test_a_streamed_message_is_put_together(self) -> None:
        opening = {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "clock", "arguments": ""},
        }
        pieces = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"at"', ":1}")]
        answer = chunks(
            {"role": "assistant", "content": ""},
            {"content": "on"},
            {"content": "e"},
            *({"tool_calls": [call]} for call in (opening, *pieces)),
            {"tool_calls": [{"index": 1, **OTHER}]},
            {},
        )
        message, *_ = added(CHAT, answer, Results(("noon", "done")))
        self.assertEqual(message, {"role": "assistant", "content": "one", "tool_calls": [CALL, OTHER]})

    def test_a_legacy_function_is_answered_by_its_name(self) -> None:
        for answer in (
            completion(function_call={"name": "clock", "arguments": "{}"}),
            chunks({"role": "assistant", "function_call": {"name": "clock", "arguments": ""}}),
        ):
            _, result = added(CHAT, answer, Results(("noon",)))
            self.assertEqual(result, {"role": "function", "name": "clock", "content": "noon"})


class ResponsesTests(SynchronousTestCase):
    def test_the_output_and_the_next_question_follow_the_input(self) -> None:
        output = [{"type": "message", "id": "msg_1", "role": "assistant", "content": []}]
        for answer in (
            answered({"output": output}),
            told({"response": {}}, {"response": {"output": output}}),
        ):
            self.assertEqual(
                added(RESPONSES, answer, Reply("bye")), [*output, {"role": "user", "content": "bye"}]
            )

    def test_every_call_gets_its_output_of_its_own_kind(self) -> None:
        _, _, *results = added(RESPONSES, answered({"output": [ITEM, CUSTOM]}), Results(("noon", "done")))
        self.assertEqual(
            results,
            [
                {"type": "function_call_output", "call_id": "call_1", "output": "noon"},
                {"type": "custom_tool_call_output", "call_id": "call_2", "output": "done"},
            ],
        )


class UnanswerableTests(SynchronousTestCase):
    def test_an_answer_nobody_could_go_on_from_says_why(self) -> None:
        for door, answer, why in (
            (CHAT, answered({"error": {}}, 502), "the answer has the status 502"),
            (CHAT, completion(content="no"), "the answer has 0 tool calls"),
            (RESPONSES, answered({"output": [ITEM, CUSTOM]}), "the answer has 2 tool calls"),
            (CHAT, answered([]), "the answer has not the shape of one"),
            (CHAT, Response(("HTTP/1.1 200 OK",), b"{", whole=True), "the answer has not the shape of one"),
            (RESPONSES, told(), "the answer has not the shape of one"),
        ):
            error = self.assertRaises(Unanswerable, following, ASKED[door], answer, Results(("noon",)))
            self.assertEqual(str(error), why)
