"""How threads are set up: exactly this, for what is not switched off leaks to the model."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.bindings import encode
from codexd.backs.profile import Profile, obligations, shown, thread_start, turn_start
from codexd.neutral.turn import Format, Message, Place, TextPart, Thinking, Tool, ToolChoice, Turn, WebSearch
from codexd.wire import json
from tests.support.binary import says
from tests.support.scene import HELLO, THREAD, WITH_TOOL

PLAIN = Profile(agent=False, cwd="/empty")
AGENT = Profile(agent=True, cwd="/work", sandbox="workspace-write")
# Each of these shows the model something of Codex's own unless it is off (docs/app-server.md).
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
TWO = evolve(WITH_TOOL, tools=(*WITH_TOOL.tools, Tool("clock")))


class PlainTests(SynchronousTestCase):
    def test_the_model_sees_what_the_client_said_and_nothing_else(self) -> None:
        params = encode(thread_start(WITH_TOOL, PLAIN))
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
        self.assertEqual(set(config.values()), {False, "disabled"})

    def test_the_clients_instructions_take_the_place_of_codexs(self) -> None:
        params = encode(thread_start(evolve(WITH_TOOL, instructions="Be brief."), PLAIN))
        self.assertEqual((params["baseInstructions"], params["developerInstructions"]), ("Be brief.", ""))

    def test_configured_mcp_servers_are_switched_off_by_name(self) -> None:
        config = thread_start(WITH_TOOL, evolve(PLAIN, mcp_servers=("a", "b"))).config
        more = config.items() - thread_start(WITH_TOOL, PLAIN).config.items()
        self.assertEqual(more, {("mcp_servers.a.enabled", False), ("mcp_servers.b.enabled", False)})

    def test_the_verbosity_is_the_threads_and_does_not_stay_for_the_next(self) -> None:
        terse = thread_start(evolve(WITH_TOOL, verbosity="low"), PLAIN).config
        more = terse.items() - thread_start(WITH_TOOL, PLAIN).config.items()
        self.assertEqual(more, {("model_verbosity", "low")})

    def test_a_homes_verbosity_is_undone_unless_the_client_has_one(self) -> None:
        home = evolve(PLAIN, home_verbosity=True)
        for asked, given in ((None, "medium"), ("high", "high")):
            config = thread_start(evolve(WITH_TOOL, verbosity=asked), home).config
            self.assertEqual(config["model_verbosity"], given)

    def test_a_web_search_is_offered_as_it_was_asked_for_and_only_then(self) -> None:
        plain = thread_start(WITH_TOOL, PLAIN).config
        place = Place("NO", city="Oslo")
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
                asking = thread_start(evolve(WITH_TOOL, web_search=asked), profile).config
                self.assertEqual(asking, config | given)

    def test_every_feature_switched_off_is_one_the_pinned_binary_has(self) -> None:
        listed = says(Path(self.mktemp()).absolute(), "features", "list").decode()
        known = {f"features.{line.split()[0]}" for line in listed.splitlines()}
        config = thread_start(WITH_TOOL, PLAIN).config
        self.assertEqual({name for name in config if name.startswith("features.")} - known, set())


class AgentTests(SynchronousTestCase):
    def test_an_agent_keeps_codexs_prompt_and_tools_and_is_told_the_clients_on_top(self) -> None:
        params = encode(thread_start(evolve(WITH_TOOL, instructions="Be brief.", verbosity="low"), AGENT))
        self.assertNotIn("baseInstructions", params)
        self.assertNotIn("environments", params)
        self.assertEqual(params["developerInstructions"], "Be brief.")
        self.assertEqual((params["cwd"], params["sandbox"]), ("/work", "workspace-write"))
        self.assertEqual(params["config"], {"model_verbosity": "low"})
        self.assertNotIn("developerInstructions", encode(thread_start(WITH_TOOL, AGENT)))


class TurnTests(SynchronousTestCase):
    def test_a_turn_says_only_what_was_asked(self) -> None:
        self.assertEqual(
            encode(turn_start(THREAD, WITH_TOOL)), {"threadId": THREAD, "input": (), "model": "m1"}
        )

    def test_effort_summary_schema_and_tier_are_passed_on(self) -> None:
        turn = evolve(
            WITH_TOOL,
            thinking=Thinking("high", "auto"),
            format=Format("json_schema", '{"n":1.0}'),
            service_tier="flex",
        )
        params = encode(turn_start(THREAD, turn))
        self.assertEqual(
            (params["effort"], params["summary"], params["serviceTier"]), ("high", "auto", "flex")
        )
        self.assertEqual(json.encode(params["outputSchema"]), b'{"n":1.0}')

    def test_the_usual_tier_is_left_to_the_account(self) -> None:
        for tier in ("auto", "default"):
            self.assertNotIn("serviceTier", encode(turn_start(THREAD, evolve(WITH_TOOL, service_tier=tier))))

    def test_a_history_is_injected_item_by_item(self) -> None:
        self.assertEqual(len(shown(WITH_TOOL, (HELLO, HELLO))), 2)


class ToolChoiceTests(SynchronousTestCase):
    def test_what_the_child_cannot_force_is_said_last_and_by_the_developer(self) -> None:
        self.assertEqual(obligations(TWO), ())
        self.assertEqual(
            obligations(evolve(TWO, tool_choice=ToolChoice("required"))),
            (said("You must answer by calling one of these tools and nothing else: weather, clock."),),
        )
        self.assertEqual(
            obligations(Turn("m1", (), format=Format("json_object"))),
            (said("Answer with exactly one valid JSON object and nothing else."),),
        )
        both = evolve(TWO, tool_choice=ToolChoice("required", ("clock",)), format=Format("json_object"))
        (both_said,) = obligations(both)
        self.assertIn(": clock. Answer with exactly one", str(both_said))


def said(text: str) -> Message:
    return Message("developer", (TextPart(text),))
