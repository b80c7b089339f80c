"""Chat Completions request bodies, including those of real clients."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat import DecodedChatRequest, adapt_responses_turn, decode, is_responses_shaped
from codexd.fronts.chat.objects import ChatOutputOptions
from codexd.fronts.dialect import RequestOptions
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import (
    Message,
    Reasoning,
    ReasoningOptions,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    WebSearch,
)
from codexd.wire import json
from tests.fronts.test_json_fields import refusal

USER = {"role": "user", "content": "hi"}
HI = (Message(role="user", parts=(TextPart("hi"),)),)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SHOWN = ReasoningOptions(summary="auto")
F = Tool(name="f", description="", parameters='{"type":"object"}')


def ask(**fields: Any) -> DecodedChatRequest:
    """Decode a request with the required fields and these."""
    return decode(json.encode({"model": "m", "messages": [USER], **fields}), RequestOptions(principal="somebody"))


class RequestTests(SynchronousTestCase):
    def test_the_smallest_request_is_all_defaults(self) -> None:
        self.assertEqual(
            ask(),
            DecodedChatRequest(
                turn=Turn(model="m", items=HI, reasoning=SHOWN, principal="somebody"),
                output_options=ChatOutputOptions(),
            ),
        )

    def test_a_summary_is_requested_only_if_reasoning_is_shown(self) -> None:
        body = json.encode({"model": "m", "messages": [USER]})
        self.assertEqual(
            decode(body, RequestOptions(principal="p", show_reasoning=False)).turn.reasoning, ReasoningOptions()
        )
        self.assertEqual(decode(body, RequestOptions(principal="p")).turn.reasoning, SHOWN)

    def test_model_and_messages_are_required(self) -> None:
        for body, param in ((b"{}", "model"), (b'{"model":null}', "model"), (b'{"model":"m"}', "messages")):
            found = refusal(lambda body=body: decode(body, RequestOptions(principal="p")))
            self.assertEqual((found.kind, found.param), ("missing", param))

    def test_every_supported_field_is_parsed(self) -> None:
        decoded = ask(
            n=3,
            stream=True,
            stream_options={"include_usage": True, "include_obfuscation": False},
            tools=[TOOL],
            tool_choice="required",
            parallel_tool_calls=False,
            temperature=1,
            max_tokens=9,
            stop="x",
            reasoning_effort="low",
            response_format={"type": "json_object"},
            verbosity="high",
            service_tier="flex",
        )
        turn = Turn(
            model="m",
            items=HI,
            tools=(F,),
            tool_choice=ToolChoice("required"),
            parallel_tool_calls=False,
            sampling=Sampling(temperature=1.0, max_tokens=9, stop=("x",)),
            reasoning=ReasoningOptions("low", "auto"),
            format=ResponseFormat(kind="json_object"),
            verbosity="high",
            service_tier="flex",
            principal="somebody",
        )
        self.assertEqual(
            decoded,
            DecodedChatRequest(
                turn=turn,
                output_options=ChatOutputOptions(include_usage=True, service_tier="flex"),
                choices=3,
                stream=True,
            ),
        )

    def test_values_out_of_range_are_rejected_by_name(self) -> None:
        for fields, kind, param in (
            ({"n": 0}, "wrong_value", "n"),
            ({"n": 9}, "wrong_value", "n"),
            ({"n": "2"}, "wrong_type", "n"),
            ({"stream": "true"}, "wrong_type", "stream"),
            ({"stream_options": []}, "wrong_type", "stream_options"),
            ({"stream_options": {"include_usage": 1}, "stream": True}, "wrong_type", "stream_options.include_usage"),
            ({"stream_options": {}}, "wrong_value", "stream_options"),
            ({"stream_options": {"include_usage": True}, "stream": False}, "wrong_value", "stream_options"),
            ({"max_tokens": 0}, "wrong_value", "max_tokens"),
            ({"temperature": 3}, "wrong_value", "temperature"),
            ({"tools": {}}, "wrong_type", "tools"),
            ({"tools": [1]}, "wrong_type", "tools[0]"),
            ({"tools": [TOOL, TOOL]}, "wrong_value", "tools[1]"),
            ({"tools": [{"type": "function"}]}, "missing", "tools[0].name"),
            ({"tool_choice": "required"}, "wrong_value", "tool_choice"),
            ({"tool_choice": "required", "tools": []}, "wrong_value", "tool_choice"),
            (
                {"tool_choice": {"type": "function", "function": {"name": "g"}}, "tools": [TOOL]},
                "wrong_value",
                None,
            ),
            ({"verbosity": "loud"}, "wrong_value", "verbosity"),
            ({"service_tier": 1}, "wrong_type", "service_tier"),
            ({"metadata": {"a": 1}}, "wrong_type", "metadata"),
            ({"model": ""}, "wrong_value", "model"),
            ({"model": 1}, "wrong_type", "model"),
        ):
            found = refusal(lambda fields=fields: ask(**fields))
            self.assertEqual((found.kind, found.param), (kind, found.param if param is None else param), fields)

    def test_unsupported_fields_are_listed_and_never_rejected(self) -> None:
        without = {
            "user": "u",
            "store": True,
            "metadata": {"a": "b"},
            "prediction": {"type": "content", "content": "x"},
            "modalities": ["text", "audio"],
            "audio": {"voice": "alloy", "format": "wav"},
            "safety_identifier": "s",
            "prompt_cache_key": "k",
            "chat_template_kwargs": {"enable_thinking": False},
        }
        turn = ask(**without).turn
        self.assertEqual(turn.ignored, tuple(without))
        self.assertEqual(json.decode(turn.extra), without)

    def test_fields_without_effect_are_not_listed(self) -> None:
        self.assertEqual(ask(logprobs=False, store=False, user=None).turn.ignored, ())

    def test_hosted_tools_are_dropped_or_rejected_by_name(self) -> None:
        tools = [{"type": "mcp", "server_url": "https://a"}, TOOL]
        body = json.encode({"model": "m", "messages": [USER], "tools": tools, "tool_choice": tools[0]})
        fault = refusal(lambda: decode(body, RequestOptions(principal="p", drop_hosted=False)))
        self.assertEqual((fault.kind, fault.param), ("hosted_tool", "tools[0].type"))
        turn = decode(body, RequestOptions(principal="p")).turn
        self.assertEqual((turn.tools, turn.tool_choice), ((F,), ToolChoice()))
        self.assertEqual(turn.ignored, ("tools[0] (mcp)", "tool_choice (mcp)"))

    def test_a_web_search_may_be_a_tool_or_options(self) -> None:
        for fields in (
            {"tools": [{"type": "web_search"}, TOOL]},
            {"web_search_options": {}, "tools": [TOOL]},
        ):
            turn = ask(**fields).turn
            self.assertEqual((turn.web_search, turn.tools, turn.ignored), (WebSearch(), (F,), ()))

    def test_an_auto_tier_is_answered_as_the_default_one(self) -> None:
        decoded = ask(service_tier="auto")
        self.assertEqual((decoded.turn.service_tier, decoded.output_options.service_tier), ("auto", "default"))

    def test_reasoning_is_shown_as_the_server_says(self) -> None:
        body = json.encode({"model": "m", "messages": [USER]})
        for show in (True, False):
            self.assertIs(
                decode(body, RequestOptions(principal="p", show_reasoning=show)).output_options.show_reasoning, show
            )


class LegacyFunctionTests(SynchronousTestCase):
    FUNCTIONS = [{"name": "f", "parameters": {"type": "object"}}]

    def test_functions_are_tools_with_their_own_call_shape(self) -> None:
        decoded = ask(functions=self.FUNCTIONS)
        self.assertEqual(decoded.turn.tools, (F,))
        self.assertTrue(decoded.output_options.legacy_functions)

    def test_their_shape_holds_one_call_so_calls_are_not_parallel(self) -> None:
        self.assertFalse(ask(functions=self.FUNCTIONS).turn.parallel_tool_calls)

    def test_function_call_chooses_as_tool_choice_does(self) -> None:
        for written, choice in (
            ("auto", ToolChoice()),
            ("none", ToolChoice("none")),
            ({"name": "f"}, ToolChoice("required", ("f",))),
        ):
            found = ask(functions=self.FUNCTIONS, function_call=written).turn.tool_choice
            self.assertEqual(found, choice)

    def test_a_function_that_is_not_declared_cannot_be_chosen(self) -> None:
        found = refusal(lambda: ask(functions=self.FUNCTIONS, function_call={"name": "g"}))
        self.assertEqual((found.kind, found.param), ("wrong_value", "function_call.name"))

    def test_beside_tools_functions_are_answered_as_tools(self) -> None:
        decoded = ask(functions=[{"name": "g"}], tools=[TOOL])
        self.assertEqual(decoded.turn.tools, (F, Tool(name="g")))
        self.assertFalse(decoded.output_options.legacy_functions)


PATCH_FORMAT = {"type": "grammar", "syntax": "lark", "definition": "start: begin_patch"}
PATCH_TOOL = {"type": "custom", "name": "ApplyPatch", "description": "Edit.", "format": PATCH_FORMAT}


class ClientTests(SynchronousTestCase):
    """Requests of real clients."""

    def test_cursor_sends_flat_tools_and_wants_functions_back(self) -> None:
        decoded = ask(tools=[{"type": "function", "name": "Shell", "strict": False}, PATCH_TOOL])
        grammar = json.encode(PATCH_FORMAT).decode()
        patch = Tool(name="ApplyPatch", description="Edit.", kind="custom", grammar=grammar)
        self.assertEqual(decoded.turn.tools, (Tool(name="Shell", strict=False), patch))
        self.assertTrue(decoded.output_options.functions_only)

    def test_cursor_sends_its_patches_back_as_functions(self) -> None:
        call = {
            "id": "c",
            "type": "function",
            "function": {"name": "ApplyPatch", "arguments": "*** Begin Patch"},
        }
        asked = {"role": "assistant", "content": [], "tool_calls": [call]}
        result = {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "Done"}]}
        turn = ask(messages=[USER, asked, result], tools=[PATCH_TOOL]).turn
        self.assertEqual(
            turn.items[1:],
            (
                ToolCall(call_id="c", name="ApplyPatch", arguments="*** Begin Patch", kind="custom"),
                ToolResult("c", (TextPart("Done"),), "custom"),
            ),
        )

    def test_nested_custom_tools_are_answered_as_custom(self) -> None:
        self.assertFalse(ask(tools=[{"type": "custom", "custom": {"name": "c"}}]).output_options.functions_only)

    def test_n8n_sends_null_content_beside_calls(self) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        asked = {"role": "assistant", "content": None, "tool_calls": [call]}
        turn = ask(messages=[USER, asked, {"role": "tool", "tool_call_id": "c", "content": ""}]).turn
        self.assertEqual(
            turn.items[1:], (ToolCall(call_id="c", name="f", arguments="{}"), ToolResult("c", (TextPart(""),)))
        )

    def test_zed_sends_a_cache_key_and_the_new_limit(self) -> None:
        turn = ask(prompt_cache_key="k", max_completion_tokens=4096, parallel_tool_calls=False, tools=[]).turn
        self.assertEqual(turn.sampling, Sampling(max_tokens=4096))
        self.assertFalse(turn.parallel_tool_calls)

    def test_empty_values_are_accepted(self) -> None:
        turn = ask(tools=[], tool_choice="auto", stop=[], stream_options=None, functions=[]).turn
        self.assertEqual(turn, Turn(model="m", items=HI, reasoning=SHOWN, principal="somebody"))

    def test_the_ai_sdk_sends_a_strict_nested_schema(self) -> None:
        shape = {"name": "response", "strict": True, "schema": {"type": "object", "required": ["a"]}}
        turn = ask(response_format={"type": "json_schema", "json_schema": shape}).turn
        schema = '{"type":"object","required":["a"]}'
        self.assertEqual(turn.format, ResponseFormat(kind="json_schema", schema=schema, name="response", strict=True))

    def test_openrouter_clients_send_a_reasoning_object(self) -> None:
        turn = ask(reasoning={"effort": "high", "exclude": False, "max_tokens": 100}).turn
        self.assertEqual(turn.reasoning, ReasoningOptions("high", "auto"))

    def test_an_sdk_message_can_be_sent_back_as_it_came(self) -> None:
        message = {
            "role": "assistant",
            "content": "a",
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": None,
            "reasoning_content": "hm",
        }
        turn = ask(messages=[USER, message]).turn
        thought = Reasoning(content=("hm",))
        self.assertEqual(turn.items[1:], (thought, Message(role="assistant", parts=(TextPart("a"),))))


class ResponsesShapeTests(SynchronousTestCase):
    def test_a_body_with_input_and_no_messages_is_responses_shaped(self) -> None:
        for body in (b'{"model":"m","input":"hi"}', b'{"input":[],"messages":null}'):
            self.assertTrue(is_responses_shaped(body))

    def test_all_others_are_not(self) -> None:
        for body in (
            b'{"messages":[],"input":"x"}',
            b'{"messages":[{"role":"user","content":"\\"input\\""}]}',
            b'{"metadata":{"input":"x"}}',
            b'{"input":null}',
            b'["input"]',
            b'{"input"',
            b"",
        ):
            self.assertFalse(is_responses_shaped(body), body)

    def test_its_response_has_chats_shape(self) -> None:
        turn = Turn(model="m", items=HI, service_tier="auto")
        body = b'{"input":"hi","stream":true,"stream_options":{"include_usage":true}}'
        output_options = ChatOutputOptions(
            include_usage=True, functions_only=True, show_reasoning=False, service_tier="default"
        )
        self.assertEqual(
            adapt_responses_turn(body, turn, RequestOptions(principal="p", show_reasoning=False)),
            DecodedChatRequest(turn=turn, output_options=output_options, stream=True),
        )


NAMES = (
    *("model", "messages", "n", "stream", "stream_options", "include_usage", "tools", "tool_choice", "type"),
    *("functions", "function_call", "temperature", "seed", "stop", "max_tokens", "reasoning", "effort"),
    *("response_format", "json_schema", "schema", "format", "grammar", "syntax", "definition", "metadata"),
    *("role", "content", "tool_calls", "id", "function", "custom", "name", "arguments", "tool_call_id"),
    *("refusal", "image_url", "url", "file", "input_audio", "allowed_tools", "mode", "text", "input"),
)
WORDS = (
    *("system", "user", "assistant", "tool", "function", "custom", "text", "image_url", "refusal", "file"),
    *("json_schema", "grammar", "lark", "auto", "required", "allowed_tools", "low", "m", "", "input_audio"),
)
scalars = st.none() | st.booleans() | st.integers(-9, 2**64 - 1) | st.floats() | st.sampled_from(WORDS)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=15,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
message_lists = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("user", "assistant", "tool", "function", "system"))},
        optional=dict.fromkeys(("content", "tool_calls", "function_call", "tool_call_id", "name"), values),
    ),
    max_size=3,
)


class AnyBodyTests(SynchronousTestCase):
    def assert_read_or_refused(self, body: bytes) -> None:
        """Check that only FaultError is raised, with a status that blames the client."""
        try:
            decode(body, RequestOptions(principal="p"))
        except FaultError as refused:
            self.assertEqual(refused.fault.status, 400)
            json.encode(refused.fault.message)

    @given(bodies, message_lists)
    def test_any_object_is_decoded_or_rejected(self, body: dict[str, Any], messages: list[Any]) -> None:
        self.assert_read_or_refused(json.encode(body))
        self.assert_read_or_refused(json.encode({"model": "m", "messages": messages, **body}))
        self.assert_read_or_refused(json.encode({**body, "model": "m", "messages": messages or [USER]}))

    @given(values)
    def test_any_value_is_decoded_or_rejected(self, value: Any) -> None:
        self.assert_read_or_refused(json.encode(value))

    @given(st.binary(max_size=40))
    def test_any_bytes_are_decoded_or_rejected(self, body: bytes) -> None:
        self.assert_read_or_refused(body)
