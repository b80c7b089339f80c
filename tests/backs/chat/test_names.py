"""Namespaces flattened, and found again."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.names import Names
from codexd.neutral.turn import Tool

NAMES = st.text("ab_", min_size=1, max_size=4) | st.text("ab", min_size=60, max_size=70) | st.just("ä")
TOOLS = st.lists(
    st.builds(Tool, NAMES, namespace=st.none() | NAMES),
    max_size=6,
    unique_by=lambda tool: (tool.namespace, tool.name),
).map(tuple)


class NamesTests(SynchronousTestCase):
    @given(TOOLS)
    def test_every_tool_has_a_name_of_its_own_that_leads_back_to_it(self, tools: tuple[Tool, ...]) -> None:
        names = Names(tools)
        for tool in tools:
            name = names.of(tool.namespace, tool.name)
            self.assertRegex(name, r"^[a-zA-Z0-9_-]{1,64}$")
            self.assertEqual(names.tool(name), tool)
        self.assertEqual(len({names.of(tool.namespace, tool.name) for tool in tools}), len(tools))

    def test_a_tool_of_an_older_offer_has_a_name_too(self) -> None:
        names = Names((Tool("a__b"),))
        self.assertRegex(names.of("a", "b"), r"^a__b_[0-9a-f]{8}$")
        self.assertIsNone(names.tool(names.of("a", "b")))

    def test_a_model_may_leave_out_a_namespace_that_is_no_doubt(self) -> None:
        alone = Names((Tool("read", namespace="files"),))
        self.assertEqual(alone.tool("read"), Tool("read", namespace="files"))
        two = Names((Tool("read", namespace="files"), Tool("read", namespace="mail")))
        self.assertIsNone(two.tool("read"))
