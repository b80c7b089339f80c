"""codexd.fronts.responses.request: a body to a Turn."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import json_fields, responses
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.responses.request import KNOWN
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import (
    Message,
    Reasoning,
    ReasoningOptions,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    WebSearch,
)
from codexd.wire.json import decode, encode
from tests.support import responses_turns
from tests.support.responses_requests import SOMEONE, decode_fault, decode_request, decode_turn, encode_turn

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}


class RoundTripTests(SynchronousTestCase):
    """Law 5, on the subset that a Responses request can express."""

    @given(responses_turns.turns())
    def test_a_turn_encoded_as_a_request_is_decoded_to_the_same_turn(self, asked: Turn) -> None:
        heard = responses.decode_stateless(encode(encode_turn(asked)), RequestOptions(principal=asked.principal)).turn
        self.assertEqual(heard, asked)


class FuzzTests(SynchronousTestCase):
    """Any body is decoded, or raises FaultError with the name of the field."""

    values = st.recursive(
        st.none() | st.booleans() | st.integers(-9, 2**40) | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )

    def refused_or_read(self, body: bytes) -> None:
        try:
            responses.decode_pending(body, SOMEONE).complete(LoadedHistory(None))
        except FaultError as refused:
            self.assertIn(refused.fault.status, (400, 404))

    @given(st.binary(max_size=60))
    def test_any_bytes(self, body: bytes) -> None:
        self.refused_or_read(body)

    @given(st.dictionaries(st.sampled_from(sorted(KNOWN)), values))
    def test_any_values_in_known_fields(self, fields: dict[str, Any]) -> None:
        self.refused_or_read(encode({"model": "m", "input": "hi"} | fields))

    @given(responses_turns.turns(), st.data())
    def test_any_value_anywhere_in_a_good_request(self, asked: Turn, data: st.DataObject) -> None:
        body = encode_turn(asked)
        node: Any = body
        while True:
            places = list(node) if isinstance(node, dict) else list(range(len(node)))
            place = data.draw(st.sampled_from(places))
            deeper = isinstance(node[place], dict | list) and node[place]
            if not deeper or data.draw(st.booleans()):
                node[place] = data.draw(self.values)
                break
            node = node[place]
        self.refused_or_read(encode(body))


class RefusalTests(SynchronousTestCase):
    """An invalid request is a 400 that names the field."""

    table = (
        ("missing", "model", {"model": None}),
        ("wrong_value", "model", {"model": ""}),
        ("missing", "input", {"input": None}),
        ("wrong_type", "input", {"input": 5}),
        ("wrong_type", "input[0]", {"input": ["hi"]}),
        ("missing", "input[0].role", {"input": [{"content": "hi"}]}),
        ("wrong_value", "input[0].role", {"input": [{"role": "tool", "content": "hi"}]}),
        ("wrong_type", "input[0].type", {"input": [{"type": 5}]}),
        (
            "missing",
            "input[0].content[0].text",
            {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
        ),
        (
            "wrong_value",
            "input[0].content[0].type",
            {"input": [{"role": "user", "content": [{"type": "video"}]}]},
        ),
        (
            "unsupported",
            "input[0].content[0].file_id",
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        ),
        ("missing", "input[0].call_id", {"input": [CALL | {"call_id": None}]}),
        ("wrong_type", "input[0].arguments", {"input": [CALL | {"arguments": {}}]}),
        (
            "orphan_tool_output",
            "input[1].call_id",
            {"input": [CALL, {"type": "function_call_output", "call_id": "call_2", "output": "x"}]},
        ),
        (
            "orphan_tool_output",
            "input[0].call_id",
            {"input": [{"type": "custom_tool_call_output", "call_id": "call_1", "output": "x"}, CALL]},
        ),
        ("missing", "tools[0].type", {"tools": [{"name": "f"}]}),
        ("wrong_value", "tools[0].name", {"tools": [{"type": "function", "name": "a b"}]}),
        ("wrong_value", "tool_choice.name", {"tool_choice": {"type": "function", "name": "f"}}),
        ("wrong_value", "temperature", {"temperature": 3}),
        ("wrong_value", "max_output_tokens", {"max_output_tokens": 0}),
        ("wrong_value", "text.format.type", {"text": {"format": {"type": "xml"}}}),
        ("wrong_value", "reasoning.effort", {"reasoning": {"effort": "vast"}}),
        ("wrong_value", "truncation", {"truncation": "some"}),
        ("wrong_type", "include[0]", {"include": [1]}),
        ("wrong_value", "metadata", {"metadata": {"k": "v" * 513}}),
        ("wrong_type", "stream", {"stream": "yes"}),
    )

    def test_every_error_names_its_field(self) -> None:
        for kind, param, fields in self.table:
            fault = decode_fault({"model": "m", "input": [], **fields})
            self.assertEqual((fault.kind, fault.param, fault.status), (kind, param, 400), fields)

    def test_a_body_that_is_not_a_json_object_is_rejected(self) -> None:
        self.assertEqual(decode_fault(b"{").kind, "malformed_json")
        self.assertEqual(decode_fault([]).kind, "wrong_type")


class ParameterTests(SynchronousTestCase):
    """Parameters are passed on; those without effect are listed."""

    def test_output_format_and_length(self) -> None:
        form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
        asked = decode_turn(text={"format": form, "verbosity": "low"}, max_output_tokens=1, service_tier="flex")
        self.assertEqual(
            asked.format, ResponseFormat(kind="json_schema", schema='{"type":"object"}', name="n", strict=True)
        )
        self.assertEqual((asked.verbosity, asked.sampling.max_tokens, asked.service_tier), ("low", 1, "flex"))

    def test_other_parameters(self) -> None:
        asked = decode_turn(
            instructions="be brief",
            parallel_tool_calls=False,
            temperature=0.5,
            top_p=0.25,
            reasoning={"effort": "high", "summary": "auto"},
        )
        self.assertEqual((asked.instructions, asked.parallel_tool_calls), ("be brief", False))
        self.assertEqual((asked.sampling.temperature, asked.sampling.top_p), (0.5, 0.25))
        self.assertEqual(asked.reasoning, ReasoningOptions("high", "auto"))
        self.assertEqual(asked.principal, "someone")

    def test_unknown_fields_and_those_without_effect_are_listed(self) -> None:
        asked = decode_turn(
            store=True,
            truncation="auto",
            top_logprobs=2,
            max_tool_calls=3,
            include=["reasoning.encrypted_content", "web_search_call.results"],
            frobnicate={},
        )
        named = ("include[1] (web_search_call.results)", "frobnicate")
        self.assertEqual(asked.ignored, named)
        self.assertEqual(asked.extra, '{"frobnicate":{}}')

    def test_user_and_cache_fields_are_forwarded_to_providers(self) -> None:
        names = {"user": "a", "safety_identifier": "b", "prompt_cache_key": "c"}
        asked = decode_turn(**names, metadata={"a": "b"}, client_metadata={})
        self.assertEqual((decode(asked.extra), asked.ignored), (names, ()))

    def test_parameters_of_some_models_are_accepted_for_all(self) -> None:
        asked = decode_turn(truncation="auto", top_logprobs=2, include=["message.output_text.logprobs"])
        self.assertEqual((asked.truncation, asked.sampling), ("auto", Sampling(logprobs=True, top_logprobs=2)))
        self.assertEqual(asked.ignored, ())

    def test_labels_and_empty_values_are_not_listed(self) -> None:
        asked = decode_turn(
            user="u",
            safety_identifier="s",
            prompt_cache_key="k",
            client_metadata={"x": "y"},
            metadata={"a": "b"},
            stream=True,
            stream_options={"include_obfuscation": False},
            tools=[],
            tool_choice="auto",
            include=[],
            store=True,
            background=False,
            previous_response_id=None,
        )
        self.assertEqual(asked.ignored, ())

    def test_stream_options_need_a_stream(self) -> None:
        for fields in ({"stream_options": {}}, {"stream_options": {"include_obfuscation": False}, "stream": False}):
            fault = decode_fault({"model": "m", "input": "hi", **fields})
            self.assertEqual((fault.kind, fault.status, fault.param), ("wrong_value", 400, "stream_options"))

    def test_the_number_of_ignored_fields_is_limited(self) -> None:
        asked = decode_turn(input=[{"type": "mcp_call"}] * 100)
        self.assertEqual(len(asked.ignored), json_fields.MAX_IGNORED)

    def test_streams_are_supported_and_there_is_one_choice(self) -> None:
        self.assertEqual([decode_request().stream, decode_request(stream=True).stream], [False, True])
        self.assertEqual(decode_request().turns, (decode_request().turn,))


class CodexTests(SynchronousTestCase):
    """Codex's own request (CLI 0.169, as recorded) is decoded completely."""

    def test_its_shape_is_decoded_without_loss(self) -> None:
        shell = {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}
        answer = decode_request(
            stream=True,
            store=False,
            include=["reasoning.encrypted_content"],
            tool_choice="auto",
            parallel_tool_calls=True,
            reasoning={"effort": "medium", "summary": "auto"},
            prompt_cache_key="0199-thread",
            client_metadata={"x-codex-installation-id": "i"},
            tools=[
                {
                    "type": "function",
                    "name": "exec_command",
                    "description": "d",
                    "strict": False,
                    "parameters": shell,
                },
                {
                    "type": "namespace",
                    "name": "mcp__docs",
                    "description": "Docs.",
                    "tools": [{"type": "function", "name": "find", "parameters": shell}],
                },
                {"type": "web_search", "external_web_access": False},
            ],
            input=[
                {
                    "type": "message",
                    "role": "developer",
                    "content": [{"type": "input_text", "text": "Be"}],
                },
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "<env"}],
                },
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
                {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "gAAA"},
                {"type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": "call_1"},
                {"type": "function_call_output", "call_id": "call_1", "output": "done"},
            ],
        )
        parameters = encode(shell).decode()
        self.assertEqual(
            answer.turn,
            Turn(
                model="m",
                items=(
                    Message(role="developer", parts=(TextPart("Be"),)),
                    Message(role="user", parts=(TextPart("<env"),)),
                    Message(role="user", parts=(TextPart("go"),)),
                    Reasoning(encrypted="gAAA"),
                    ToolCall(call_id="call_1", name="exec_command", arguments="{}"),
                    ToolResult("call_1", (TextPart("done"),)),
                ),
                tools=(
                    Tool(name="exec_command", description="d", parameters=parameters, strict=False),
                    Tool(name="find", parameters=parameters, namespace="mcp__docs", namespace_description="Docs."),
                ),
                reasoning=ReasoningOptions("medium", "auto"),
                principal="someone",
                web_search=WebSearch(live=False),
                extra='{"prompt_cache_key":"0199-thread"}',
            ),
        )
        self.assertEqual((answer.stream, answer.echo.include_encrypted), (True, True))
