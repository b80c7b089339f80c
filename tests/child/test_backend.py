"""Where a turn goes: names to models, models to children, and what is said of them."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.backend import AppServer
from codexd.interfaces import IModelBackend
from codexd.neutral.fault import Refused
from codexd.neutral.turn import AudioPart, FilePart, Message, Thinking, ToolResult, Turn
from codexd.settings import Model, Models, Settings
from tests.support.appserver import FakeAppServer, Offered
from tests.support.appserver_thread import Habits
from tests.support.codex import Codex
from tests.support.listener import TOOL, after, answered, turn

ALIASES = (
    Model("fast", model="scripted", effort="low"),
    Model("helper", model="scripted", profile="agent", workspace="/srv/space", sandbox="workspace-write"),
)
BINARY = FilePart("data:application/pdf;base64,AAAA", "x.pdf")


class BackendTestCase(SynchronousTestCase):
    settings = Settings()

    def setUp(self) -> None:
        self.codex = Codex(Path(self.mktemp()), self.settings)
        self.codex.reactor.make_server = self.make_server
        self.codex.start()

    def make_server(self) -> FakeAppServer:
        return FakeAppServer()

    @property
    def backend(self) -> AppServer:
        return self.codex.backend

    def refusal(self, asked: Turn) -> str:
        with self.assertRaises(Refused) as refused:
            self.codex.begin(asked)
        return refused.exception.fault.kind


class NamingTests(BackendTestCase):
    settings = Settings(models=Models(alias=ALIASES[:1]))

    def make_server(self) -> FakeAppServer:
        server = FakeAppServer()
        server.offers = (Offered("scripted", ("low", "high")), Offered("big", ()), Offered("old", (), True))
        return server

    def test_it_is_a_back_end(self) -> None:
        verifyObject(IModelBackend, self.backend)

    def test_aliases_and_what_the_account_shows_are_on_offer(self) -> None:
        offered = {card.id: card.efforts for card in self.backend.models()}
        self.assertEqual(offered, {"fast": ("low", "high"), "scripted": ("low", "high"), "big": ()})

    def test_a_name_means_a_model_and_perhaps_an_effort(self) -> None:
        asked = {
            "scripted": ("scripted", None),
            "old": ("old", None),
            "fast": ("scripted", "low"),
            "scripted-high": ("scripted", "high"),
            "fast-high": ("scripted", "high"),
        }
        for name, (model, effort) in asked.items():
            self.codex.ask(turn("say: hi", model=name))
            started = self.codex.server.asked("turn/start")[-1]
            self.assertEqual((started["model"], started.get("effort")), (model, effort), name)

    def test_what_the_request_says_wins_over_the_names_effort(self) -> None:
        self.codex.ask(turn("say: hi", model="fast", thinking=Thinking("high")))
        self.assertEqual(self.codex.server.asked("turn/start")[-1]["effort"], "high")

    def test_what_is_not_known_is_refused(self) -> None:
        for name in ("gpt-4o", "scripted-huge", "", "big-low"):
            self.assertEqual(self.refusal(turn("say: hi", model=name)), "unknown_model")

    def test_the_same_conversation_under_another_name_is_another(self) -> None:
        first = self.codex.ask(turn("say: hi", model="fast"))
        self.codex.ask(evolve(after(first, "say: two"), model="scripted-low"))
        self.assertEqual(self.codex.figure("affinity_hit"), 0)

    def test_the_models_are_read_again_now_and_then(self) -> None:
        self.codex.server.offers = (Offered("new", ("low",)),)
        self.codex.reactor.pump([1.0] * 299)
        self.assertIn("scripted", [card.id for card in self.backend.models()])
        self.codex.reactor.advance(1)
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "new"])

    def test_what_a_child_does_not_say_stays_as_it_was(self) -> None:
        self.codex.server.deaf = {"model/list"}
        self.codex.reactor.pump([1.0] * 640)
        self.assertIn("scripted", [card.id for card in self.backend.models()])
        self.assertEqual(self.codex.figure("child_call_late"), 2)

    def test_a_child_that_dies_while_it_is_asked_for_them_does_not_end_the_asking(self) -> None:
        self.codex.server.deaf = {"model/list"}
        self.codex.reactor.pump([1.0] * 301)
        self.codex.process.exit(1)
        self.codex.reactor.advance(1)
        self.codex.server.offers = (Offered("new"),)
        self.codex.reactor.pump([1.0] * 300)
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "new"])

    def test_a_new_child_tells_anew(self) -> None:
        self.codex.reactor.make_server = lambda: FakeAppServer()
        self.codex.process.exit(1)
        self.assertIn("big", [card.id for card in self.backend.models()])
        self.codex.reactor.advance(1)
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "scripted"])


class AnyNameTests(BackendTestCase):
    settings = Settings(models=Models(any=True))

    def test_unknown_names_may_be_passed_on(self) -> None:
        self.codex.ask(turn("say: hi", model="anything"))
        self.assertEqual(self.codex.server.bodies[-1]["model"], "anything")


class ReadinessTests(BackendTestCase):
    def test_nothing_is_begun_while_no_child_is_up(self) -> None:
        self.assertTrue(self.backend.ready())
        self.codex.process.exit(1)
        self.assertFalse(self.backend.ready())
        self.assertEqual(self.refusal(turn("say: hi")), "not_ready")
        self.assertEqual(self.refusal(turn("say: hi", model="nonsense")), "not_ready")
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_the_figures_show_what_runs(self) -> None:
        asked = [self.codex.ask(turn("hang:")) for _ in range(3)]
        self.codex.reactor.advance(1)
        self.assertEqual((self.codex.figure("turns_running"), self.codex.figure("children_up")), (3, 1))
        for one in asked:
            one.leave()
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.figure("turns_running"), 0)
        self.codex.process.exit(1)
        self.assertEqual(self.codex.figure("children_up"), 0)


class RefusalTests(BackendTestCase):
    """A part that the model cannot be shown is found out before anything is asked, and nothing is left."""

    def test_of_a_new_conversation(self) -> None:
        self.assertEqual(self.refusal(Turn("scripted", (Message("user", (BINARY,)),))), "unsupported")
        self.assertEqual(self.codex.server.asked("thread/start"), [])

    def test_of_one_that_goes_on(self) -> None:
        first = self.codex.ask(turn("say: hi"))
        follow_up = after(first)
        follow_up = evolve(follow_up, items=(*follow_up.items, Message("user", (BINARY,))))
        self.assertEqual(self.refusal(follow_up), "unsupported")
        self.assertNothingLeft()

    def test_of_a_tools_result(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        given = answered(asked, "x")
        last = given.items[-1]
        assert isinstance(last, ToolResult)
        bad = evolve(last, parts=(BINARY, AudioPart("AAAA", "wav")))
        self.assertEqual(self.refusal(evolve(given, items=(*given.items[:-1], bad))), "unsupported")
        self.assertNothingLeft()
        self.assertEqual(self.codex.ask(given).reply.text, "tool said: x")

    def assertNothingLeft(self) -> None:
        self.codex.reactor.advance(0)
        (worker,) = self.codex.children._pools["plain"].workers
        self.assertEqual((len(worker._sessions), self.codex.threads), (0, 0))


class AgentTests(BackendTestCase):
    settings = Settings(models=Models(alias=ALIASES))

    def make_server(self) -> FakeAppServer:
        server = FakeAppServer()
        number = len(self.codex.reactor.children)
        server.offers = (Offered("scripted"),) if number == 0 else (Offered("the-agents-own"),)
        return server

    def test_agents_have_children_of_their_own_on_the_same_home_started_later(self) -> None:
        plain, agent = self.codex.reactor.children
        self.assertTrue(any("model_catalog_json" in str(word) for word in plain.command[1]))  # type: ignore[attr-defined]
        self.assertFalse(any("model_catalog_json" in str(word) for word in agent.command[1]))  # type: ignore[attr-defined]
        self.assertEqual(plain.command[2]["CODEX_HOME"], agent.command[2]["CODEX_HOME"])  # type: ignore[index]

    def test_the_agents_child_waits_until_the_home_is_made(self) -> None:
        codex = Codex(Path(self.mktemp()), self.settings)
        codex.reactor.held = True
        codex.start()
        codex.reactor.advance(5)
        self.assertEqual(len(codex.reactor.children), 1)

    def test_an_agent_is_codex_with_its_own_prompt_and_workspace(self) -> None:
        self.codex.ask(turn("say: hi", model="helper", instructions="be nice"))
        (start,) = self.codex.reactor.children[1].server.asked("thread/start")
        self.assertEqual((start["cwd"], start["sandbox"]), ("/srv/space", "workspace-write"))
        self.assertEqual(start["developerInstructions"], "be nice")
        self.assertNotIn("baseInstructions", start)
        self.assertNotIn("environments", start)

    def test_a_plain_model_is_asked_in_the_empty_workspace_without_what_the_home_adds(self) -> None:
        self.codex.reactor.children[0].server.mcp_servers = ("docs",)
        self.codex.reactor.children[0].exit(1)
        self.codex.reactor.make_server = self._with_mcp
        self.codex.reactor.advance(1)
        self.codex.ask(turn("say: hi"))
        (start,) = self.codex.process.server.asked("thread/start")
        self.assertEqual(start["cwd"], str(self.codex.state / "workspace"))
        self.assertIs(start["config"]["mcp_servers.docs.enabled"], False)
        self.assertEqual(start["config"]["model_verbosity"], "medium")

    def _with_mcp(self) -> FakeAppServer:
        server = FakeAppServer()
        server.mcp_servers = ("docs",)
        server.verbosity = "low"
        return server

    def test_what_is_on_offer_is_what_plain_children_have(self) -> None:
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "helper", "scripted"])

    def test_an_agents_child_that_is_down_costs_agents_only(self) -> None:
        self.codex.reactor.children[1].exit(1)
        self.assertTrue(self.backend.ready())
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")
        self.assertEqual(self.refusal(turn("say: hi", model="helper")), "not_ready")


class SourceTests(BackendTestCase):
    def test_files_that_the_child_shows_the_model_by_itself_are_warned_of_once(self) -> None:
        self.codex.server.habits = Habits(sources=("/home/codex/AGENTS.md",))
        told: list[str] = []

        class Log:
            def warn(self, form: str, source: str) -> None:
                told.append(source)

        self.patch(AppServer, "_log", Log())
        for _ in range(2):
            self.codex.ask(turn("say: hi"))
        self.assertEqual(told, ["/home/codex/AGENTS.md"])
        self.codex.server.habits = Habits(sources=tuple(map(str, range(100))))
        self.codex.ask(turn("say: hello"))
        self.assertEqual(len(told), 16)
