"""The exact set-up of a thread: whatever is not disabled is shown to the model."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.bindings import encode
from codexd.backs.permission_profile import name_profile
from codexd.backs.profile import (
    Profile,
    build_requirements,
    build_thread_start,
    build_turn_start,
    encode_history,
)
from codexd.neutral.turn import (
    Message,
    ReasoningOptions,
    ResponseFormat,
    TextPart,
    Tool,
    ToolChoice,
    Turn,
    UserLocation,
    WebSearch,
)
from codexd.wire import json
from tests.support.codex_binary import run_codex
from tests.support.thread_harness import HELLO, THREAD, WITH_TOOL

PLAIN = Profile(agent=False, cwd="/empty")
AGENT = Profile(agent=True, cwd="/work", sandbox="workspace-write")
# Unless disabled, each of these shows the model something of Codex's own (docs/app-server.md).
MEASURED = {
    "features.shell_tool": False,
    "features.unified_exec": False,
    "features.goals": False,
    "features.multi_agent": False,
    "features.view_image": False,
    "features.sleep_tool": False,
    "web_search": "disabled",
    "include_environment_context": False,
    "include_permissions_instructions": False,
    "include_collaboration_mode_instructions": False,
    "skills.include_instructions": False,
    "tools.experimental_request_user_input.enabled": False,
}
TWO = evolve(WITH_TOOL, tools=(*WITH_TOOL.tools, Tool(name="clock")))


class PlainTests(SynchronousTestCase):
    def test_the_model_sees_only_what_the_client_sent(self) -> None:
        params = encode(build_thread_start(WITH_TOOL, PLAIN))
        config = params.pop("config")
        tools = params.pop("dynamicTools")
        self.assertEqual(
            params,
            {
                "ephemeral": True,
                "experimentalRawEvents": True,
                "model": "m1",
                "cwd": "/empty",
                "approvalPolicy": "never",
                "sandbox": "read-only",
                "baseInstructions": "",
                "developerInstructions": "",
                "environments": (),
            },
        )
        self.assertEqual([tool["name"] for tool in tools], ["weather"])
        self.assertEqual({name: config[name] for name in MEASURED}, MEASURED)
        self.assertGreater(config.pop("tool_output_token_limit"), 10**7)
        self.assertEqual(set(config.values()), {False, "disabled"})

    def test_the_clients_instructions_replace_codexs(self) -> None:
        params = encode(build_thread_start(evolve(WITH_TOOL, instructions="Be brief."), PLAIN))
        self.assertEqual((params["baseInstructions"], params["developerInstructions"]), ("Be brief.", ""))

    def test_configured_mcp_servers_are_disabled_by_name(self) -> None:
        config = build_thread_start(WITH_TOOL, evolve(PLAIN, mcp_servers=("a", "b"))).config
        more = config.items() - build_thread_start(WITH_TOOL, PLAIN).config.items()
        self.assertEqual(more, {("mcp_servers.a.enabled", False), ("mcp_servers.b.enabled", False)})

    def test_the_verbosity_is_configured_for_one_thread(self) -> None:
        terse = build_thread_start(evolve(WITH_TOOL, verbosity="low"), PLAIN).config
        more = terse.items() - build_thread_start(WITH_TOOL, PLAIN).config.items()
        self.assertEqual(more, {("model_verbosity", "low")})

    def test_the_verbosity_of_codex_home_is_overridden(self) -> None:
        home = evolve(PLAIN, home_verbosity=True)
        for asked, given in ((None, "medium"), ("high", "high")):
            config = build_thread_start(evolve(WITH_TOOL, verbosity=asked), home).config
            self.assertEqual(config["model_verbosity"], given)

    def test_a_web_search_is_configured_as_requested_and_only_then(self) -> None:
        plain = build_thread_start(WITH_TOOL, PLAIN).config
        place = UserLocation("NO", city="Oslo")
        for asked, given in (
            (WebSearch(), {"web_search": "live"}),
            (WebSearch(live=False), {"web_search": "cached"}),
            (
                WebSearch("low", ("a.org", "b.org"), place),
                {
                    "web_search": "live",
                    "tools.web_search.context_size": "low",
                    "tools.web_search.allowed_domains": ["a.org", "b.org"],
                    "tools.web_search.location": {"country": "NO", "city": "Oslo"},
                },
            ),
        ):
            for profile, config in ((PLAIN, plain), (AGENT, {})):
                asking = build_thread_start(evolve(WITH_TOOL, web_search=asked), profile).config
                self.assertEqual(asking, config | given)

    def test_every_disabled_feature_exists_in_the_pinned_binary(self) -> None:
        listed = run_codex(Path(self.mktemp()).absolute(), "features", "list").decode()
        known = {f"features.{line.split()[0]}" for line in listed.splitlines()}
        config = build_thread_start(WITH_TOOL, PLAIN).config
        self.assertEqual({name for name in config if name.startswith("features.")} - known, set())


class AgentTests(SynchronousTestCase):
    def test_an_agent_has_codexs_prompt_and_tools_and_the_clients_instructions(self) -> None:
        params = encode(build_thread_start(evolve(WITH_TOOL, instructions="Be brief.", verbosity="low"), AGENT))
        self.assertNotIn("baseInstructions", params)
        self.assertNotIn("environments", params)
        self.assertEqual(params["developerInstructions"], "Be brief.")
        self.assertEqual((params["cwd"], params["permissions"]), ("/work", name_profile("/work", "workspace-write")))
        self.assertNotIn("sandbox", params)
        self.assertEqual(params["config"], {"model_verbosity": "low"})
        self.assertNotIn("developerInstructions", encode(build_thread_start(WITH_TOOL, AGENT)))


class TurnTests(SynchronousTestCase):
    def test_a_turn_start_contains_only_what_was_requested(self) -> None:
        self.assertEqual(encode(build_turn_start(THREAD, WITH_TOOL)), {"threadId": THREAD, "input": (), "model": "m1"})

    def test_effort_summary_schema_and_tier_are_passed_on(self) -> None:
        turn = evolve(
            WITH_TOOL,
            reasoning=ReasoningOptions("high", "auto"),
            format=ResponseFormat(kind="json_schema", schema='{"n":1.0}'),
            service_tier="flex",
        )
        params = encode(build_turn_start(THREAD, turn))
        self.assertEqual((params["effort"], params["summary"], params["serviceTier"]), ("high", "auto", "flex"))
        self.assertEqual(json.encode(params["outputSchema"]), b'{"n":1.0}')

    def test_the_default_tier_is_not_sent(self) -> None:
        for tier in ("auto", "default"):
            self.assertNotIn("serviceTier", encode(build_turn_start(THREAD, evolve(WITH_TOOL, service_tier=tier))))

    def test_a_history_is_injected_item_by_item(self) -> None:
        self.assertEqual(len(encode_history(WITH_TOOL, (HELLO, HELLO))), 2)


class ToolChoiceTests(SynchronousTestCase):
    def test_requirements_are_the_last_developer_message(self) -> None:
        self.assertEqual(build_requirements(TWO), ())
        self.assertEqual(
            build_requirements(evolve(TWO, tool_choice=ToolChoice("required"))),
            (said("You must answer by calling one of these tools and nothing else: weather, clock."),),
        )
        self.assertEqual(
            build_requirements(Turn(model="m1", items=(), format=ResponseFormat(kind="json_object"))),
            (said("Answer with exactly one valid JSON object and nothing else."),),
        )
        both = evolve(TWO, tool_choice=ToolChoice("required", ("clock",)), format=ResponseFormat(kind="json_object"))
        (both_said,) = build_requirements(both)
        self.assertIn(": clock. Answer with exactly one", str(both_said))


def said(text: str) -> Message:
    return Message(role="developer", parts=(TextPart(text),))
