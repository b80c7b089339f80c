from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.json_fields import MAX_DEPTH, parse_body
from codexd.neutral.fault import FaultError
from codexd.page.playground_form import (
    EXAMPLE_TOOLS,
    PlaygroundForm,
    add_answer,
    complete_messages,
    decode_form,
    encode_chat_body,
)
from codexd.wire import json

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}


def nested(depth: int) -> str:
    """A list of one object that nests this deep."""
    return '[{"a":' + "[" * (depth - 2) + "]" * (depth - 2) + "}]"


def encode(form: PlaygroundForm, stream: bool = False) -> json.Json:
    return json.decode(encode_chat_body(complete_messages(form), stream))


class PlaygroundFormTests(SynchronousTestCase):
    def test_a_message_becomes_a_chat_request(self) -> None:
        form = decode_form({"model": "small", "message": "one\r\ntwo", "instructions": "be brief", "effort": "low"})
        self.assertEqual(
            encode(form),
            {
                "model": "small",
                "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one\ntwo"}],
                "reasoning_effort": "low",
            },
        )

    def test_an_empty_message_is_sent_too_and_the_model_decides(self) -> None:
        self.assertEqual(encode(PlaygroundForm(model="small"))["messages"], [{"role": "user", "content": ""}])

    def test_a_stream_is_asked_for_with_its_usage(self) -> None:
        body = encode(PlaygroundForm(model="small", message="hi"), stream=True)
        self.assertEqual((body["stream"], body["stream_options"]), (True, {"include_usage": True}))

    def test_tools_are_offered_only_if_that_is_chosen(self) -> None:
        fields = {"model": "small", "message": "hi", "tools": EXAMPLE_TOOLS}
        self.assertNotIn("tools", encode(decode_form(fields)))
        body = encode(decode_form({**fields, "offers_tools": "yes"}))
        self.assertEqual(body["tools"][0]["function"]["name"], "weather")

    def test_the_conversation_goes_on_after_an_answer(self) -> None:
        asked = complete_messages(PlaygroundForm(model="small", message="hi"))
        answered = add_answer(
            asked, {"role": "assistant", "content": "hello", "reasoning_content": "x", "refusal": None}
        )
        self.assertEqual(answered.messages[-1], {"role": "assistant", "content": "hello"})
        self.assertEqual(answered.message, "")
        body = encode(evolve(answered, message="and?"))
        self.assertEqual([message["role"] for message in body["messages"]], ["user", "assistant", "user"])

    def test_the_results_of_tool_calls_come_before_the_next_message(self) -> None:
        fields = {"model": "small", "messages": json.encode([CALLED]).decode(), "result:call_1": "sunny", "message": ""}
        form = decode_form(fields)
        self.assertEqual([call["id"] for call in form.pending_calls], ["call_1"])
        result = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
        self.assertEqual(encode(form)["messages"], [CALLED, result])
        more = encode(evolve(form, message="thanks"))["messages"]
        self.assertEqual(more[2], {"role": "user", "content": "thanks"})

    def test_wrong_json_is_refused_with_the_name_of_the_field(self) -> None:
        for name, fields in (
            ("messages", {"messages": "[1]"}),
            ("messages", {"messages": "{"}),
            ("messages", {"messages": '{"a": 1}'}),
            ("tools", {"offers_tools": "yes", "tools": "[{"}),
            ("tools", {"offers_tools": "yes", "tools": "\ud800"}),
            ("messages", {"messages": nested(MAX_DEPTH)}),
            ("messages", {"messages": nested(1000)}),
            ("tools", {"offers_tools": "yes", "tools": nested(MAX_DEPTH)}),
            ("tools", {"offers_tools": "yes", "tools": nested(1000)}),
        ):
            with self.assertRaises(FaultError) as raised:
                encode(decode_form({"model": "small", "message": "hi", **fields}))
            self.assertEqual(raised.exception.fault.param, name)

    def test_what_nests_as_deep_as_a_body_may_is_sent(self) -> None:
        fields = {"messages": nested(MAX_DEPTH - 1), "offers_tools": "yes", "tools": nested(MAX_DEPTH - 1)}
        body = json.encode(encode(decode_form({"model": "small", **fields})))
        self.assertIn("messages", parse_body(body).value)

    def test_tools_may_be_any_json(self) -> None:
        self.assertEqual(encode(decode_form({"offers_tools": "yes", "tools": "1"}))["tools"], 1)

    @given(
        st.dictionaries(
            st.sampled_from(("model", "message", "effort", "messages", "tools", "offers_tools", "result:x")), st.text()
        )
    )
    def test_any_form_becomes_json_or_is_refused(self, fields: dict[str, str]) -> None:
        try:
            encode(decode_form(fields))
        except FaultError as refused:
            self.assertEqual(refused.fault.status, 400)
