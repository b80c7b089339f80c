"""Names with a flattened namespace find their tool."""

import time
import timeit

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.tool_names import ToolNames
from codexd.neutral.turn import Tool

NAMES = st.text("ab_", min_size=1, max_size=4) | st.text("ab", min_size=60, max_size=70) | st.just("ä")
TOOLS = st.lists(
    st.builds(Tool, name=NAMES, namespace=st.none() | NAMES),
    max_size=6,
    unique_by=lambda tool: (tool.namespace, tool.name),
).map(tuple)


class ToolNamesTests(SynchronousTestCase):
    @given(TOOLS)
    def test_every_tool_has_a_unique_name_that_finds_it(self, tools: tuple[Tool, ...]) -> None:
        names = ToolNames(tools)
        for tool in tools:
            name = names.encode(tool.namespace, tool.name)
            self.assertRegex(name, r"^[a-zA-Z0-9_-]{1,64}$")
            self.assertEqual(names.find_tool(name), tool)
        self.assertEqual(len({names.encode(tool.namespace, tool.name) for tool in tools}), len(tools))

    def test_the_time_for_a_tool_does_not_grow_with_their_number(self) -> None:
        few, many = (self.measure_seconds(count) / count for count in (1000, 20_000))
        self.assertLess(many, 5 * few)

    def measure_seconds(self, count: int) -> float:
        tools = tuple(Tool(name=f"f{number}") for number in range(count))
        return min(timeit.repeat(lambda: ToolNames(tools), timer=time.process_time, number=1, repeat=3))

    def test_a_tool_that_is_not_offered_any_more_has_a_name(self) -> None:
        names = ToolNames((Tool(name="a__b"),))
        self.assertRegex(names.encode("a", "b"), r"^a__b_[0-9a-f]{8}$")
        self.assertIsNone(names.find_tool(names.encode("a", "b")))

    def test_a_model_may_omit_an_unambiguous_namespace(self) -> None:
        alone = ToolNames((Tool(name="read", namespace="files"),))
        self.assertEqual(alone.find_tool("read"), Tool(name="read", namespace="files"))
        two = ToolNames((Tool(name="read", namespace="files"), Tool(name="read", namespace="mail")))
        self.assertIsNone(two.find_tool("read"))
