"""codexd.fronts.hosted_tools: tools that are not the client's own."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.hosted_tools import HostedTools
from codexd.fronts.json_fields import Fields
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.turn import ToolChoice, UserLocation, WebSearch
from codexd.wire.json import Json

REFUSED = (
    *("local_shell", "shell", "apply_patch", "tool_search", "image_generation", "computer_use_preview"),
    *("mcp", "code_interpreter", "file_search", "namespace", "web_searches"),
)
SEARCHES = ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")
FUNCTION = {"type": "function", "name": "f"}
SEARCH = {"type": "web_search"}


def refused(tools: list[Json] | None = None, choice: Json = None, **fields: Any) -> Fault:
    """Return the fault of these tools; `f` is the client's own."""
    try:
        taken(tools or [], choice, **fields)
    except FaultError as refused:
        return refused.fault
    raise AssertionError("it was accepted")


def taken(
    tools: list[Json], choice: Json = None, drop: bool = False, declared: tuple[str, ...] = ("f",), **fields: Any
) -> tuple[HostedTools, ToolChoice]:
    """Parse hosted tools and a tool choice; `f` is the client's own."""
    asked = Fields({"tools": tools, "tool_choice": choice, **fields})
    hosted = HostedTools(drop)
    for tool in asked.objects("tools"):
        hosted.add(tool)
    hosted.add_search_options(asked)
    return hosted, hosted.parse_tool_choice(asked, declared)


class HostedToolTests(SynchronousTestCase):
    """Unsupported tools are rejected by name, or dropped and listed."""

    def test_each_is_rejected_with_what_to_do_about_it(self) -> None:
        for kind in REFUSED:
            fault = refused([{"type": kind}])
            self.assertEqual(
                (fault.kind, fault.status, fault.code, fault.param),
                ("hosted_tool", 400, "unsupported_tool", "tools[0].type"),
            )
            self.assertTrue(fault.message.startswith(f"This server cannot run the tool '{kind}'."))
            self.assertIn("responses.hosted_tools", fault.message)

    def test_each_is_dropped_with_a_note_where_the_server_says_so(self) -> None:
        for kind in REFUSED:
            hosted, choice = taken([{"type": kind}], {"type": kind}, drop=True)
            self.assertEqual(hosted.ignored, [f"tools[0] ({kind})", f"tool_choice ({kind})"])
            self.assertEqual((hosted.search, choice), (None, ToolChoice()))

    def test_a_name_that_is_not_plain_is_not_repeated(self) -> None:
        for kind in ("a\r\nb: c", "tell me a secret", "x" * 65, ""):
            self.assertTrue(refused([{"type": kind}]).message.startswith("This server cannot run the tool."))
            self.assertEqual(taken([{"type": kind}], drop=True)[0].ignored, ["tools[0]"])

    def test_a_choice_of_one_is_rejected_like_its_declaration(self) -> None:
        for choice, param in (
            ({"type": "file_search"}, "tool_choice.type"),
            (
                {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION, {"type": "mcp"}]},
                "tool_choice.tools[1].type",
            ),
            (
                {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp"}]}},
                "tool_choice.allowed_tools.tools[0].type",
            ),
        ):
            fault = refused(choice=choice)
            self.assertEqual((fault.kind, fault.param), ("hosted_tool", param))

    def test_one_among_the_allowed_tools_is_dropped_from_them(self) -> None:
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION, {"type": "mcp"}]}
        hosted, choice = taken([], allowed, drop=True)
        self.assertEqual(choice, ToolChoice("auto", ("f",)))
        self.assertEqual(hosted.ignored, ["tool_choice.tools[1] (mcp)"])

    def test_a_required_call_of_dropped_tools_alone_is_dropped_with_them(self) -> None:
        for tools in ([{"type": "mcp"}], [SEARCH], [{"type": "mcp"}, SEARCH]):
            hosted, choice = taken(tools, "required", drop=True, declared=())
            self.assertEqual((choice, hosted.ignored[-1]), (ToolChoice(), "tool_choice"))
        _, choice = taken([{"type": "mcp"}], "required", drop=True)
        self.assertEqual(choice, ToolChoice("required"))
        fault = self.assertRaises(FaultError, taken, [], "required", drop=True, declared=()).fault
        self.assertEqual((fault.kind, fault.param), ("wrong_value", "tool_choice"))

    def test_a_choice_of_hosted_tools_alone_offers_no_other(self) -> None:
        for mode in ("auto", "required"):
            for tools, search in (
                ([{"type": "mcp"}], None),
                ([SEARCH], WebSearch()),
                ([{"type": "mcp"}, SEARCH], WebSearch()),
            ):
                allowed = {"type": "allowed_tools", "mode": mode, "tools": tools}
                hosted, choice = taken([SEARCH], allowed, drop=True)
                self.assertEqual((choice, hosted.search), (ToolChoice("none"), search))
        fault = self.assertRaises(FaultError, taken, [], allowed | {"tools": []}, drop=True).fault
        self.assertEqual((fault.kind, fault.param), ("wrong_value", "tool_choice.tools"))


class WebSearchTests(SynchronousTestCase):
    """The provider's own search is offered if the tool choice allows it."""

    def test_every_name_of_it_is_a_search_whatever_becomes_of_other_tools(self) -> None:
        for kind in SEARCHES:
            for drop in (True, False):
                hosted, _ = taken([{"type": kind}], drop=drop)
                self.assertEqual((hosted.search, hosted.ignored), (WebSearch(), []))

    def test_its_options_are_parsed(self) -> None:
        place = {"country": "NO", "region": "Troms", "city": "Tromsø", "timezone": "Europe/Oslo"}
        tool = {
            "search_context_size": "high",
            "filters": {"allowed_domains": ["a.org", "b.org"]},
            "external_web_access": False,
        }
        meant = WebSearch("high", ("a.org", "b.org"), UserLocation("NO", "Troms", "Tromsø", "Europe/Oslo"), live=False)
        flat = {"user_location": {"type": "approximate", **place}}
        nested = {"user_location": {"type": "approximate", "approximate": place}}
        self.assertEqual(taken([SEARCH | tool | flat])[0].search, meant)
        self.assertEqual(taken([], web_search_options=tool | nested)[0].search, meant)

    def test_empty_options_offer_it_and_null_does_not(self) -> None:
        self.assertEqual(taken([], web_search_options={})[0].search, WebSearch())
        self.assertIsNone(taken([], web_search_options=None)[0].search)

    def test_invalid_options_are_rejected_by_name(self) -> None:
        for tool, kind, param in (
            ({"search_context_size": "huge"}, "wrong_value", "search_context_size"),
            ({"filters": []}, "wrong_type", "filters"),
            ({"filters": {"allowed_domains": [1]}}, "wrong_type", "filters.allowed_domains[0]"),
            ({"filters": {"allowed_domains": ["a"] * 101}}, "wrong_value", "filters.allowed_domains"),
            ({"user_location": {"city": 5}}, "wrong_type", "user_location.city"),
            ({"external_web_access": "no"}, "wrong_type", "external_web_access"),
        ):
            fault = refused([SEARCH | tool])
            self.assertEqual((fault.kind, fault.param), (kind, f"tools[0].{param}"))

    def test_it_cannot_be_forced(self) -> None:
        fault = refused([SEARCH], SEARCH)
        self.assertEqual((fault.kind, fault.param), ("hosted_tool", "tool_choice.type"))
        self.assertIn("cannot be forced", fault.message)
        hosted, choice = taken([SEARCH], SEARCH, drop=True)
        self.assertEqual((hosted.search, choice), (WebSearch(), ToolChoice()))
        self.assertEqual(hosted.ignored, ["tool_choice (web_search)"])

    def test_a_choice_without_it_removes_it(self) -> None:
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]}
        for choice, stays in (
            (None, True),
            ("auto", True),
            ("required", True),
            ("none", False),
            (FUNCTION, False),
            (allowed, False),
            (allowed | {"tools": [FUNCTION, SEARCH]}, True),
        ):
            self.assertEqual(taken([SEARCH], choice)[0].search, WebSearch() if stays else None)


class LawTests(SynchronousTestCase):
    values = st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from((*REFUSED, *SEARCHES, "approximate")),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(("type", "filters", "allowed_domains", "user_location", "city", "tools", "mode")),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    )
    tools = st.lists(st.dictionaries(st.just("type"), st.text(max_size=8) | values, min_size=1), max_size=3)

    @given(tools, values)
    def test_any_tool_is_accepted_or_rejected_by_its_path(self, tools: list[Json], choice: Json) -> None:
        for drop in (True, False):
            try:
                hosted, _ = taken(tools, choice, drop=drop)
            except FaultError as refused:
                self.assertEqual(refused.fault.status, 400)
                self.assertRegex(refused.fault.param or "", r"\A(tools|tool_choice)")
            else:
                self.assertTrue(drop or not hosted.ignored)

    @given(st.lists(st.sampled_from(REFUSED), max_size=5))
    def test_every_tool_that_is_dropped_is_named(self, kinds: list[str]) -> None:
        hosted, _ = taken([{"type": kind} for kind in kinds], drop=True)
        self.assertEqual(hosted.ignored, [f"tools[{index}] ({kind})" for index, kind in enumerate(kinds)])
