from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json, sse
from codexd.wire.json import Json
from tests.parity.client import HttpResponse
from tests.parity.follow_up import build_follow_up
from tests.parity.response_content import UnusableResponseError
from tests.parity.sample_responses import event_stream, json_response
from tests.parity.scenario import CHAT, RESPONSES, FollowUp, ScenarioRequest, ToolResults, UserReply

USER = {"role": "user", "content": "hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": '{"at":1}'}}
OTHER = {"id": "call_2", "type": "custom", "custom": {"name": "patch", "input": "+a"}}
REQUESTS = {
    CHAT: ScenarioRequest.with_json(CHAT, {"model": "scripted", "messages": [USER], "stream": True}),
    RESPONSES: ScenarioRequest.with_json(RESPONSES, {"model": "scripted", "input": "hello"}),
}
ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "clock", "arguments": "{}"}
CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "patch", "input": "+a"}


def completion(**message: Json) -> HttpResponse:
    return json_response({"choices": [{"message": {"role": "assistant", "refusal": None, **message}}]})


def chunks(*deltas: Json) -> HttpResponse:
    answer = event_stream(*({"choices": [{"index": 0, "delta": delta}]} for delta in deltas), {"choices": []})
    return HttpResponse(answer.head, answer.body + sse.encode_frame(b"[DONE]"), complete=True)


def added(endpoint: str, response: HttpResponse, follow_up: FollowUp) -> Json:
    """Return the items that a follow-up adds to the first request."""
    first = json.decode(REQUESTS[endpoint].body)
    body = json.decode(build_follow_up(REQUESTS[endpoint], response, follow_up).body)
    name = "messages" if endpoint == CHAT else "input"
    assert {**body, name: None} == {**first, name: None}
    assert body[name][0] == USER
    return body[name][1:]


class ChatTests(SynchronousTestCase):
    def test_the_response_and_the_next_message_are_appended(self) -> None:
        said = [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "bye"}]
        self.assertEqual(added(CHAT, completion(content="hi"), UserReply("bye")), said)

    def test_every_call_gets_its_result(self) -> None:
        answer = completion(content=None, tool_calls=[CALL, OTHER])
        _, *results = added(CHAT, answer, ToolResults(("noon", "done")))
        self.assertEqual(
            results,
            [
                {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
                {"role": "tool", "tool_call_id": "call_2", "content": "done"},
            ],
        )

    def test_a_streamed_message_is_merged_from_its_deltas(self) -> None:
        opening = {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "clock", "arguments": ""},
        }
        parts = [{"index": 0, "function": {"arguments": part}} for part in ('{"at"', ":1}")]
        answer = chunks(
            {"role": "assistant", "content": ""},
            {"content": "on"},
            {"content": "e"},
            *({"tool_calls": [call]} for call in (opening, *parts)),
            {"tool_calls": [{"index": 1, **OTHER}]},
            {},
        )
        message, *_ = added(CHAT, answer, ToolResults(("noon", "done")))
        self.assertEqual(message, {"role": "assistant", "content": "one", "tool_calls": [CALL, OTHER]})

    def test_a_legacy_function_result_has_the_functions_name(self) -> None:
        for answer in (
            completion(function_call={"name": "clock", "arguments": "{}"}),
            chunks({"role": "assistant", "function_call": {"name": "clock", "arguments": ""}}),
        ):
            _, result = added(CHAT, answer, ToolResults(("noon",)))
            self.assertEqual(result, {"role": "function", "name": "clock", "content": "noon"})


class ResponsesTests(SynchronousTestCase):
    def test_the_output_and_the_next_message_are_appended(self) -> None:
        output = [{"type": "message", "id": "msg_1", "role": "assistant", "content": []}]
        for answer in (
            json_response({"output": output}),
            event_stream({"response": {}}, {"response": {"output": output}}),
        ):
            self.assertEqual(added(RESPONSES, answer, UserReply("bye")), [*output, {"role": "user", "content": "bye"}])

    def test_every_call_gets_an_output_of_its_type(self) -> None:
        _, _, *results = added(RESPONSES, json_response({"output": [ITEM, CUSTOM]}), ToolResults(("noon", "done")))
        self.assertEqual(
            results,
            [
                {"type": "function_call_output", "call_id": "call_1", "output": "noon"},
                {"type": "custom_tool_call_output", "call_id": "call_2", "output": "done"},
            ],
        )


class UnusableResponseTests(SynchronousTestCase):
    def test_a_response_that_cannot_be_continued_is_an_error(self) -> None:
        for endpoint, response, why in (
            (CHAT, json_response({"error": {}}, 502), "the response has the status 502"),
            (CHAT, completion(content="no"), "the response has 0 tool calls"),
            (RESPONSES, json_response({"output": [ITEM, CUSTOM]}), "the response has 2 tool calls"),
            (CHAT, json_response([]), "the response is not of the expected shape"),
            (
                CHAT,
                HttpResponse(("HTTP/1.1 200 OK",), b"{", complete=True),
                "the response is not of the expected shape",
            ),
            (RESPONSES, event_stream(), "the response is not of the expected shape"),
        ):
            error = self.assertRaises(
                UnusableResponseError, build_follow_up, REQUESTS[endpoint], response, ToolResults(("noon",))
            )
            self.assertEqual(str(error), why)
