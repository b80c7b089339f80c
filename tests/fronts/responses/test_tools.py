"""codexd.fronts.responses.tools: the tools of a request."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses.tools import parse_tools
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import Tool, ToolChoice, WebSearch
from codexd.wire.json import encode
from tests.support.responses_requests import decode_turn


class ToolTests(SynchronousTestCase):
    """The client's own tools are offered; for hosted ones there is one rule."""

    def test_functions_may_be_flat_or_nested_and_custom_tools_keep_their_grammar(self) -> None:
        schema = {"type": "object", "properties": {"b": {}, "a": {}}}
        grammar = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}
        asked = decode_turn(
            tools=[
                {"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": True},
                {"type": "function", "function": {"name": "g"}},
                {"type": "custom", "name": "h", "format": grammar},
            ]
        )
        self.assertEqual(
            asked.tools,
            (
                Tool(name="f", description="d", parameters=encode(schema).decode(), strict=True),
                Tool(name="g"),
                Tool(name="h", kind="custom", grammar=encode(grammar).decode()),
            ),
        )

    def test_a_namespace_gives_its_tools_its_name_and_description(self) -> None:
        inner = [{"type": "function", "name": "f"}, {"type": "web_search"}]
        asked = decode_turn(tools=[{"type": "namespace", "name": "mcp", "description": "d", "tools": inner}])
        self.assertEqual(asked.tools, (Tool(name="f", namespace="mcp", namespace_description="d"),))
        self.assertEqual(asked.web_search, WebSearch())

    def test_a_hosted_tool_is_rejected_by_its_path_or_dropped(self) -> None:
        inner = [{"type": "function", "name": "f"}, {"type": "mcp"}]
        offered = [{"type": "file_search"}, {"type": "namespace", "name": "n", "tools": inner}]
        for tools, param in ((offered, "tools[0].type"), (offered[1:], "tools[0].tools[1].type")):
            fault = self.assertRaises(FaultError, parse_tools, Fields({"tools": tools}), drop_hosted=False).fault
            self.assertEqual((fault.kind, fault.param), ("hosted_tool", param))
        asked = Fields({"tools": offered, "tool_choice": {"type": "file_search"}})
        box = parse_tools(asked, drop_hosted=True)
        self.assertEqual((box.tools, box.choice), ((Tool(name="f", namespace="n"),), ToolChoice()))
        ignored = ("tools[0] (file_search)", "tools[1].tools[1] (mcp)", "tool_choice (file_search)")
        self.assertEqual(box.ignored, ignored)

    def test_the_request_options_decide_whether_they_are_dropped(self) -> None:
        body = encode({"model": "m", "input": "hi", "tools": [{"type": "file_search"}]})
        asked = responses.decode_stateless(body, RequestOptions(principal="someone")).turn
        self.assertEqual(asked.ignored, ("tools[0] (file_search)",))
        strict = RequestOptions(principal="someone", drop_hosted=False)
        fault = self.assertRaises(FaultError, responses.decode_stateless, body, strict).fault
        self.assertEqual(fault.kind, "hosted_tool")

    def test_each_form_of_tool_choice(self) -> None:
        tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
        allowed = {"type": "allowed_tools", "mode": "required", "tools": tools}
        for said, meant in (
            (None, ToolChoice()),
            ("none", ToolChoice("none")),
            ("required", ToolChoice("required")),
            (tools[0], ToolChoice("required", ("f",))),
            (tools[1], ToolChoice("required", ("g",))),
            (allowed, ToolChoice("required", ("f", "g"))),
        ):
            self.assertEqual(decode_turn(tools=tools, tool_choice=said).tool_choice, meant)
