"""codexd.fronts.responses.request: a body to a Turn."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import reading, responses
from codexd.fronts.exchange import Terms
from codexd.fronts.responses.request import KNOWN
from codexd.neutral.fault import Refused
from codexd.neutral.kept import Recalled
from codexd.neutral.turn import (
    Format,
    Message,
    Reasoning,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    WebSearch,
)
from codexd.wire.json import decode, encode
from tests.support import responses_turns
from tests.support.responses_requests import SOMEONE, as_request, ask, fault_of, turn_of

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}


class RoundTripTests(SynchronousTestCase):
    """Law 5, on the subset that a Responses request can say."""

    @given(responses_turns.turns())
    def test_a_turn_said_as_a_request_is_read_as_the_same_turn(self, asked: Turn) -> None:
        heard = responses.decode(encode(as_request(asked)), Terms(asked.principal)).turn
        self.assertEqual(heard, asked)


class FuzzTests(SynchronousTestCase):
    """Nothing a client sends raises anything but a Refused that names the field."""

    values = st.recursive(
        st.none() | st.booleans() | st.integers(-9, 2**40) | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )

    def refused_or_read(self, body: bytes) -> None:
        try:
            responses.read(body, SOMEONE).complete(Recalled(None))
        except Refused as refused:
            self.assertIn(refused.fault.status, (400, 404))

    @given(st.binary(max_size=60))
    def test_any_bytes(self, body: bytes) -> None:
        self.refused_or_read(body)

    @given(st.dictionaries(st.sampled_from(sorted(KNOWN)), values))
    def test_any_values_in_known_fields(self, fields: dict[str, Any]) -> None:
        self.refused_or_read(encode({"model": "m", "input": "hi"} | fields))

    @given(responses_turns.turns(), st.data())
    def test_any_value_anywhere_in_a_good_request(self, asked: Turn, data: st.DataObject) -> None:
        body = as_request(asked)
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
    """A bad request is a 400 that names the field."""

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

    def test_every_complaint_names_its_field(self) -> None:
        for kind, param, fields in self.table:
            fault = fault_of({"model": "m", "input": [], **fields})
            self.assertEqual((fault.kind, fault.param, fault.status), (kind, param, 400), fields)

    def test_what_is_no_json_object_is_refused(self) -> None:
        self.assertEqual(fault_of(b"{").kind, "malformed_json")
        self.assertEqual(fault_of([]).kind, "wrong_type")


class ParameterTests(SynchronousTestCase):
    """Parameters are taken over; what has no effect is named."""

    def test_the_shape_and_length_of_the_answer(self) -> None:
        form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
        asked = turn_of(text={"format": form, "verbosity": "low"}, max_output_tokens=1, service_tier="flex")
        self.assertEqual(asked.format, Format("json_schema", '{"type":"object"}', "n", True))
        self.assertEqual((asked.verbosity, asked.sampling.max_tokens, asked.service_tier), ("low", 1, "flex"))

    def test_the_rest_of_what_is_asked(self) -> None:
        asked = turn_of(
            instructions="be brief",
            parallel_tool_calls=False,
            temperature=0.5,
            top_p=0.25,
            reasoning={"effort": "high", "summary": "auto"},
        )
        self.assertEqual((asked.instructions, asked.parallel_tool_calls), ("be brief", False))
        self.assertEqual((asked.sampling.temperature, asked.sampling.top_p), (0.5, 0.25))
        self.assertEqual(asked.thinking, Thinking("high", "auto"))
        self.assertEqual(asked.principal, "someone")

    def test_unknown_fields_and_idle_ones_are_named(self) -> None:
        asked = turn_of(
            store=True,
            truncation="auto",
            top_logprobs=2,
            max_tool_calls=3,
            include=["reasoning.encrypted_content", "web_search_call.results"],
            frobnicate={},
        )
        named = ("include[1]", "frobnicate")
        self.assertEqual(asked.ignored, named)
        self.assertEqual(asked.extra, '{"frobnicate":{}}')

    def test_what_is_said_of_the_user_and_the_cache_is_for_providers_too(self) -> None:
        names = {"user": "a", "safety_identifier": "b", "prompt_cache_key": "c"}
        asked = turn_of(**names, metadata={"a": "b"}, client_metadata={})
        self.assertEqual((decode(asked.extra), asked.ignored), (names, ()))

    def test_what_only_some_models_can_do_is_asked_of_them_all(self) -> None:
        asked = turn_of(truncation="auto", top_logprobs=2, include=["message.output_text.logprobs"])
        self.assertEqual(
            (asked.truncation, asked.sampling), ("auto", Sampling(logprobs=True, top_logprobs=2))
        )
        self.assertEqual(asked.ignored, ())

    def test_labels_and_empty_things_are_no_news(self) -> None:
        asked = turn_of(
            user="u",
            safety_identifier="s",
            prompt_cache_key="k",
            client_metadata={"x": "y"},
            metadata={"a": "b"},
            stream_options={"include_obfuscation": False},
            tools=[],
            tool_choice="auto",
            include=[],
            store=True,
            background=False,
            previous_response_id=None,
        )
        self.assertEqual(asked.ignored, ())

    def test_the_names_of_ignored_fields_are_few(self) -> None:
        asked = turn_of(input=[{"type": "other"}] * 100)
        self.assertEqual(len(asked.ignored), reading.MAX_IGNORED)

    def test_streaming_is_asked_and_there_is_one_choice(self) -> None:
        self.assertEqual([ask().stream, ask(stream=True).stream], [False, True])
        self.assertEqual(ask().turns, (ask().turn,))


class CodexTests(SynchronousTestCase):
    """Codex's own request (CLI 0.169, as recorded) is understood whole."""

    def test_its_shape_is_read_without_loss(self) -> None:
        shell = {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}
        answer = ask(
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
                "m",
                (
                    Message("developer", (TextPart("Be"),)),
                    Message("user", (TextPart("<env"),)),
                    Message("user", (TextPart("go"),)),
                    Reasoning(encrypted="gAAA"),
                    ToolCall("call_1", "exec_command", "{}"),
                    ToolResult("call_1", (TextPart("done"),)),
                ),
                tools=(
                    Tool("exec_command", "d", parameters, False),
                    Tool("find", parameters=parameters, namespace="mcp__docs", namespace_description="Docs."),
                ),
                thinking=Thinking("medium", "auto"),
                principal="someone",
                web_search=WebSearch(live=False),
                extra='{"prompt_cache_key":"0199-thread"}',
            ),
        )
        self.assertEqual((answer.stream, answer.echo.sealed), (True, True))
