"""Bodies of responses that are not streamed."""

from typing import Any

from openai.types.chat import ChatCompletion
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat.objects import ChatOutputOptions, render_completion
from codexd.neutral.event import Usage
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Message, RefusalPart, ToolCall
from codexd.wire import json
from tests.support.completion_bodies import USAGE, USAGE_BODY, assistant_messages
from tests.support.identities import CHAT_IDENTITY

CALL = ToolCall(call_id="call_1", name="f", arguments='{"a":1}', id="fc_1")
PATCH = ToolCall(call_id="call_2", name="patch", arguments="*** Begin", kind="custom")


def body(*replies: Reply, output_options: ChatOutputOptions | None = None) -> dict[str, Any]:
    """Render and parse."""
    found: dict[str, Any] = json.decode(
        render_completion(replies, output_options or ChatOutputOptions(), CHAT_IDENTITY)
    )
    return found


def message(reply: Reply, output_options: ChatOutputOptions | None = None) -> dict[str, Any]:
    """Return only the message."""
    found: dict[str, Any] = body(reply, output_options=output_options)["choices"][0]["message"]
    return found


class ObjectsTests(SynchronousTestCase):
    def test_a_response_has_every_member_of_the_contract(self) -> None:
        self.assertEqual(
            body(Reply(items=assistant_messages("hi"), finish="stop", usage=USAGE)),
            {
                "id": "chatcmpl-00ff",
                "object": "chat.completion",
                "created": 1700000000,
                "model": "some-model",
                "system_fingerprint": None,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "hi", "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": USAGE_BODY,
            },
        )

    def test_content_is_null_beside_calls_only_without_text(self) -> None:
        self.assertIsNone(message(Reply(items=(CALL,), finish="tool_calls"))["content"])
        self.assertIsNone(message(Reply(items=(*assistant_messages(""), CALL), finish="tool_calls"))["content"])
        self.assertEqual(
            message(Reply(items=(*assistant_messages("wait"), CALL), finish="tool_calls"))["content"], "wait"
        )
        self.assertEqual(message(Reply(items=(), finish="stop"))["content"], "")

    def test_calls_are_written_by_their_kind(self) -> None:
        function = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
        custom = {"id": "call_2", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
        self.assertEqual(message(Reply(items=(CALL, PATCH)))["tool_calls"], [function, custom])

    def test_there_are_no_tool_calls_where_there_are_none(self) -> None:
        self.assertNotIn("tool_calls", message(Reply(items=assistant_messages("hi"))))

    def test_cursor_sees_functions_only(self) -> None:
        (call,) = message(Reply(items=(PATCH,)), ChatOutputOptions(functions_only=True))["tool_calls"]
        function = {"name": "patch", "arguments": "*** Begin"}
        self.assertEqual(call, {"id": "call_2", "type": "function", "function": function})

    def test_a_legacy_response_has_one_function_call(self) -> None:
        answer = body(
            Reply(items=(CALL, PATCH), finish="tool_calls"), output_options=ChatOutputOptions(legacy_functions=True)
        )
        choice = answer["choices"][0]
        self.assertEqual(choice["message"]["function_call"], {"name": "f", "arguments": '{"a":1}'})
        self.assertNotIn("tool_calls", choice["message"])
        self.assertIsNone(choice["message"]["content"])
        self.assertEqual(choice["finish_reason"], "function_call")

    def test_messages_are_written_in_sequence(self) -> None:
        self.assertEqual(message(Reply(items=assistant_messages("a", "b")))["content"], "ab")

    def test_a_refusal_stands_in_place_of_content(self) -> None:
        refused = message(Reply(items=(Message(role="assistant", parts=(RefusalPart("no"),)),), finish="stop"))
        self.assertEqual((refused["content"], refused["refusal"]), (None, "no"))

    def test_reasoning_is_shown_if_present_and_allowed(self) -> None:
        thinking = Reply(items=assistant_messages("a"), finish="stop", reasoning=("x", "", "y"))
        self.assertEqual(message(thinking)["reasoning_content"], "x\n\ny")
        self.assertNotIn("reasoning_content", message(thinking, ChatOutputOptions(show_reasoning=False)))
        self.assertNotIn("reasoning_content", message(Reply(items=assistant_messages("a"), reasoning=("",))))

    def test_usage_is_the_sum_of_all_choices_and_marks_estimates(self) -> None:
        answer = body(
            Reply(
                items=(),
                finish="stop",
                usage=Usage(input_tokens=5, cached_tokens=1, cache_write_tokens=1, output_tokens=2, reasoning_tokens=1),
            ),
            Reply(
                items=(),
                finish="stop",
                usage=Usage(
                    input_tokens=6,
                    cached_tokens=0,
                    cache_write_tokens=0,
                    output_tokens=3,
                    reasoning_tokens=0,
                    estimated=True,
                ),
            ),
        )
        self.assertEqual([choice["index"] for choice in answer["choices"]], [0, 1])
        self.assertEqual(answer["usage"]["total_tokens"], 16)
        self.assertEqual(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 1)
        self.assertIs(answer["usage"]["estimated"], True)

    def test_uncounted_usage_is_zero(self) -> None:
        usage = body(Reply(items=(), finish="stop"))["usage"]
        self.assertEqual((usage["total_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]), (0, 0))
        self.assertNotIn("estimated", usage)

    def test_the_tier_is_echoed_only_if_requested(self) -> None:
        self.assertNotIn("service_tier", body(Reply()))
        self.assertEqual(body(Reply(), output_options=ChatOutputOptions(service_tier="flex"))["service_tier"], "flex")

    def test_the_sdk_accepts_every_response(self) -> None:
        answer = body(
            Reply(
                items=(*assistant_messages("hi"), CALL, PATCH),
                finish="tool_calls",
                usage=Usage(input_tokens=1, cached_tokens=0, cache_write_tokens=0, output_tokens=1),
            )
        )
        read_back = ChatCompletion.model_validate(answer, strict=True)
        calls = read_back.choices[0].message.tool_calls or []
        self.assertEqual([call.type for call in calls], ["function", "custom"])
