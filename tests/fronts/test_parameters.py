"""Parameters that the dialects share."""

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import parameters
from codexd.fronts.json_fields import Fields
from codexd.neutral.turn import (
    ReasoningOptions,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
)
from tests.fronts.test_json_fields import refusal

LARK = {"syntax": "lark", "definition": "start: /a/"}
FLAT_LARK = '{"type":"grammar","syntax":"lark","definition":"start: /a/"}'

TOOLS = (
    (
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"b": 1, "a": 2}}},
        Tool(name="f", description="d", parameters='{"b":1,"a":2}'),
    ),
    ({"type": "function", "name": "f", "strict": True}, Tool(name="f", strict=True)),
    (
        {"type": "function", "function": {"name": "f", "parameters": None, "strict": False}},
        Tool(name="f", strict=False),
    ),
    ({"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}, Tool(name="c", kind="custom")),
    (
        {"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": LARK}}},
        Tool(name="c", kind="custom", grammar=FLAT_LARK),
    ),
    (
        {"type": "custom", "name": "c", "description": "d", "format": {"type": "grammar", **LARK}},
        Tool(name="c", description="d", kind="custom", grammar=FLAT_LARK),
    ),
    ({"type": "web_search"}, None),
    ({"type": "namespace", "name": "n", "tools": []}, None),
)

WRONG_TOOLS = (
    ({}, "missing", "type"),
    ({"type": "function", "function": {}}, "missing", "function.name"),
    ({"type": "function", "function": {"name": "with space"}}, "wrong_value", "function.name"),
    ({"type": "function", "name": ""}, "wrong_value", "name"),
    ({"type": "function", "name": "x" * 65}, "wrong_value", "name"),
    ({"type": "function", "name": "f\n"}, "wrong_value", "name"),
    ({"type": "function", "name": "f", "parameters": []}, "wrong_type", "parameters"),
    ({"type": "function", "name": "f", "strict": "yes"}, "wrong_type", "strict"),
    ({"type": "custom", "name": "c", "format": {"type": "ebnf"}}, "wrong_value", "format.type"),
    ({"type": "custom", "name": "c", "format": {"type": "grammar"}}, "missing", "format.syntax"),
)

CHOICES = (
    (None, ToolChoice()),
    ("auto", ToolChoice()),
    ("none", ToolChoice("none")),
    ("required", ToolChoice("required")),
    ({"type": "function", "function": {"name": "f"}}, ToolChoice("required", ("f",))),
    ({"type": "function", "name": "f"}, ToolChoice("required", ("f",))),
    ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("required", ("c",))),
    (
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "auto",
                "tools": [
                    {"type": "custom", "custom": {"name": "c"}},
                    {"type": "function", "function": {"name": "f"}},
                ],
            },
        },
        ToolChoice("auto", ("c", "f")),
    ),
    (
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [
                {"type": "function", "name": "f"},
                {"type": "web_search"},
                {"type": "function", "name": "f"},
            ],
        },
        ToolChoice("required", ("f",)),
    ),
)

WRONG_CHOICES = (
    ("any", "wrong_value", "tool_choice"),
    (1, "wrong_type", "tool_choice"),
    ([], "wrong_type", "tool_choice"),
    ({}, "missing", "tool_choice.type"),
    ({"type": "web_search"}, "wrong_value", "tool_choice.type"),
    ({"type": "function", "function": {"name": "g"}}, "wrong_value", "tool_choice.function.name"),
    ({"type": "function"}, "missing", "tool_choice.name"),
    ({"type": "allowed_tools", "mode": "none", "tools": []}, "wrong_value", "tool_choice.mode"),
    ({"type": "allowed_tools", "mode": "auto", "tools": []}, "wrong_value", "tool_choice.tools"),
    (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]},
        "wrong_value",
        "tool_choice.tools",
    ),
    (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]},
        "wrong_value",
        None,
    ),
)

PARAMETERS = (
    ({}, Sampling()),
    ({"temperature": 0, "top_p": 1}, Sampling(temperature=0.0, top_p=1.0)),
    (
        {"presence_penalty": -2, "frequency_penalty": 2.0, "seed": 7},
        Sampling(temperature=None, top_p=None, presence_penalty=-2.0, frequency_penalty=2.0, seed=7),
    ),
    ({"max_tokens": 5}, Sampling(max_tokens=5)),
    ({"max_tokens": 5, "max_completion_tokens": 6}, Sampling(max_tokens=6)),
    ({"stop": "\n"}, Sampling(stop=("\n",))),
    ({"stop": []}, Sampling()),
    ({"top_logprobs": 20, "logit_bias": {"5": -1}}, Sampling(top_logprobs=20, logit_bias='{"5":-1}')),
    ({"stop": ["a", "b", "c", "d"]}, Sampling(stop=("a", "b", "c", "d"))),
)

WRONG_PARAMETERS = (
    ({"temperature": 2.1}, "wrong_value", "temperature"),
    ({"temperature": -0.1}, "wrong_value", "temperature"),
    ({"temperature": "1"}, "wrong_type", "temperature"),
    ({"top_p": 1.1}, "wrong_value", "top_p"),
    ({"presence_penalty": 2.1}, "wrong_value", "presence_penalty"),
    ({"frequency_penalty": -2.1}, "wrong_value", "frequency_penalty"),
    ({"seed": 0.5}, "wrong_type", "seed"),
    ({"max_tokens": 0}, "wrong_value", "max_tokens"),
    ({"max_completion_tokens": -1}, "wrong_value", "max_completion_tokens"),
    ({"top_logprobs": 21}, "wrong_value", "top_logprobs"),
    ({"logit_bias": [5]}, "wrong_type", "logit_bias"),
    ({"stop": ""}, "wrong_value", "stop"),
    ({"stop": ["a", ""]}, "wrong_value", "stop[1]"),
    ({"stop": ["a", 1]}, "wrong_type", "stop[1]"),
    ({"stop": ["a"] * 5}, "wrong_value", "stop"),
    ({"stop": {}}, "wrong_type", "stop"),
)

FORMATS = (
    (None, ResponseFormat()),
    ({"type": "text"}, ResponseFormat()),
    ({"type": "json_object"}, ResponseFormat(kind="json_object")),
    (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": {"z": 1, "a": 2}, "strict": True}},
        ResponseFormat(kind="json_schema", schema='{"z":1,"a":2}', name="n", strict=True),
    ),
    (
        {"type": "json_schema", "name": "n", "schema": {}, "description": "d"},
        ResponseFormat(kind="json_schema", schema="{}", name="n", strict=None, description="d"),
    ),
)


class ParameterTests(SynchronousTestCase):
    def assert_refused(self, act: Callable[[], Any], kind: str, param: str | None) -> None:
        """Check the fault and its param."""
        found = refusal(act)
        self.assertEqual((found.kind, found.param), (kind, found.param if param is None else param))

    def test_tools_are_parsed_nested_and_flat(self) -> None:
        for written, tool in TOOLS:
            self.assertEqual(parameters.parse_tool(Fields(written)), tool)

    def test_a_tool_keeps_its_namespace(self) -> None:
        tool = parameters.parse_tool(Fields({"type": "function", "name": "f"}), "space")
        self.assertEqual(tool, Tool(name="f", namespace="space"))

    def test_a_wrong_tool_is_rejected_at_its_place(self) -> None:
        for written, kind, param in WRONG_TOOLS:
            self.assert_refused(lambda written=written: parameters.parse_tool(Fields(written)), kind, param)

    def test_every_form_of_tool_choice_is_parsed(self) -> None:
        for written, choice in CHOICES:
            self.assertEqual(parameters.parse_tool_choice(Fields({"tool_choice": written}), ("f", "c")), choice)

    def test_a_wrong_tool_choice_is_rejected_at_its_place(self) -> None:
        for written, kind, param in WRONG_CHOICES:
            fields = Fields({"tool_choice": written})
            self.assert_refused(lambda fields=fields: parameters.parse_tool_choice(fields, ("f",)), kind, param)

    def test_required_needs_a_tool(self) -> None:
        fields = Fields({"tool_choice": "required"})
        self.assert_refused(lambda: parameters.parse_tool_choice(fields, ()), "wrong_value", "tool_choice")
        for harmless in ("auto", "none"):
            self.assertEqual(parameters.parse_tool_choice(Fields({"tool_choice": harmless}), ()), ToolChoice(harmless))

    def test_sampling_parameters_are_parsed(self) -> None:
        for written, sampling in PARAMETERS:
            found = parameters.parse_sampling(Fields(written), "max_completion_tokens", "max_tokens")
            self.assertEqual(found, sampling)

    def test_a_parameter_out_of_range_is_rejected_by_name(self) -> None:
        for written, kind, param in WRONG_PARAMETERS:
            self.assert_refused(
                lambda written=written: parameters.parse_sampling(
                    Fields(written), "max_completion_tokens", "max_tokens"
                ),
                kind,
                param,
            )

    def test_thinking_is_parsed_from_either_field(self) -> None:
        for effort in parameters.EFFORTS:
            self.assertEqual(parameters.parse_thinking(Fields({"reasoning_effort": effort})), ReasoningOptions(effort))
        both = {"reasoning": {"effort": "low", "summary": "auto"}}
        self.assertEqual(parameters.parse_thinking(Fields(both)), ReasoningOptions("low", "auto"))
        old = {"reasoning": {"generate_summary": "concise"}, "reasoning_effort": "high"}
        self.assertEqual(parameters.parse_thinking(Fields(old)), ReasoningOptions("high", "concise"))

    def test_an_unknown_effort_is_rejected(self) -> None:
        for written, param in (
            ({"reasoning_effort": "huge"}, "reasoning_effort"),
            ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
            ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
        ):
            self.assert_refused(
                lambda written=written: parameters.parse_thinking(Fields(written)), "wrong_value", param
            )

    def test_the_output_format_is_parsed_nested_and_flat(self) -> None:
        for written, shape in FORMATS:
            self.assertEqual(parameters.parse_format(Fields({"f": written}), "f"), shape)

    def test_an_invalid_output_format_is_rejected_at_its_path(self) -> None:
        for written, kind, param in (
            ({}, "missing", "f.type"),
            ({"type": "xml"}, "wrong_value", "f.type"),
            ({"type": "json_schema", "json_schema": {"schema": 1}}, "wrong_type", "f.json_schema.schema"),
            ({"type": "json_schema", "json_schema": {"name": "a b"}}, "wrong_value", "f.json_schema.name"),
        ):
            fields = Fields({"f": written})
            self.assert_refused(lambda fields=fields: parameters.parse_format(fields, "f"), kind, param)

    def test_metadata_is_kept_within_its_limits(self) -> None:
        full = {f"{count:064}": "v" * 512 for count in range(16)}
        self.assertEqual(parameters.parse_metadata(Fields({"metadata": full})), tuple(full.items()))
        self.assertEqual(parameters.parse_metadata(Fields({})), ())

    def test_metadata_beyond_its_limits_is_rejected(self) -> None:
        for written, kind in (
            ({str(count): "" for count in range(17)}, "wrong_value"),
            ({"k" * 65: ""}, "wrong_value"),
            ({"k": "v" * 513}, "wrong_value"),
            ({"k": 1}, "wrong_type"),
            ([], "wrong_type"),
        ):
            fields = Fields({"metadata": written})
            self.assert_refused(lambda fields=fields: parameters.parse_metadata(fields), kind, "metadata")
