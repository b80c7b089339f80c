"""codexd.fronts.responses.tools: what the client offers."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import (
    Tool,
    ToolChoice,
)
from codexd.wire.json import encode
from tests.support.responses_requests import turn_of


class ToolTests(SynchronousTestCase):
    """The client's own tools are offered; hosted ones are named as ignored."""

    def test_functions_may_be_flat_or_nested_and_custom_tools_keep_their_grammar(self) -> None:
        schema = {"type": "object", "properties": {"b": {}, "a": {}}}
        grammar = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}
        asked = turn_of(
            tools=[
                {"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": True},
                {"type": "function", "function": {"name": "g"}},
                {"type": "custom", "name": "h", "format": grammar},
            ]
        )
        self.assertEqual(
            asked.tools,
            (
                Tool("f", "d", encode(schema).decode(), True),
                Tool("g"),
                Tool("h", kind="custom", grammar=encode(grammar).decode()),
            ),
        )

    def test_a_namespace_gives_its_tools_its_name_and_description(self) -> None:
        inner = [{"type": "function", "name": "f"}, {"type": "web_search"}]
        asked = turn_of(tools=[{"type": "namespace", "name": "mcp", "description": "d", "tools": inner}])
        self.assertEqual(asked.tools, (Tool("f", namespace="mcp", namespace_description="d"),))
        self.assertEqual(asked.ignored, ("tools[0].tools[1] (web_search)",))

    def test_hosted_tools_and_a_choice_of_one_are_ignored_by_name(self) -> None:
        hosted = [
            {"type": "web_search"},
            {"type": "file_search", "vector_store_ids": []},
            {"type": "a\r\nb: c"},
        ]
        asked = turn_of(tools=hosted, tool_choice={"type": "web_search"})
        self.assertEqual((asked.tools, asked.tool_choice), ((), ToolChoice()))
        self.assertEqual(
            asked.ignored, ("tools[0] (web_search)", "tools[1] (file_search)", "tools[2]", "tool_choice")
        )

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
            self.assertEqual(turn_of(tools=tools, tool_choice=said).tool_choice, meant)
