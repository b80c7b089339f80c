"""The app-server back end: model names, readiness, refusals, agents, warnings."""

from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.backs.permission_profile import name_profile
from codexd.child.backend import ChildBackend
from codexd.interfaces import IModelBackend
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import AudioPart, FilePart, Message, ReasoningOptions, ToolResult, Turn
from codexd.observe.metrics import Metrics
from codexd.settings import ModelAlias, Models, Settings, Turns
from codexd.upstream.key_redaction import KeyRedaction
from tests.support.contexts import context
from tests.support.fake_app_server import FakeAppServer, ListedModel
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import TOOL, continued, turn, with_results

ALIASES = (
    ModelAlias(name="fast", model="scripted", effort="low"),
    ModelAlias(name="helper", model="scripted", profile="agent", workspace="/srv/space", sandbox="workspace-write"),
)
NO_RETRIES = Turns(retries=0)
BINARY = FilePart("data:application/pdf;base64,AAAA", "x.pdf")


class BackendTestCase(SynchronousTestCase):
    settings = Settings(turns=NO_RETRIES)

    def setUp(self) -> None:
        self.codex = InMemoryCodex(state=Path(self.mktemp()), settings=self.settings)
        self.codex.reactor.make_server = self.make_server
        self.codex.start()

    def make_server(self) -> FakeAppServer:
        return FakeAppServer()

    @property
    def backend(self) -> ChildBackend:
        return self.codex.backend

    def refusal(self, request: Turn) -> str:
        with self.assertRaises(FaultError) as refused:
            self.codex.begin(request)
        return refused.exception.fault.kind


class ModelNameTests(BackendTestCase):
    settings = Settings(models=Models(alias=ALIASES[:1]), turns=NO_RETRIES)

    def make_server(self) -> FakeAppServer:
        server = FakeAppServer()
        server.models = (ListedModel("scripted", ("low", "high")), ListedModel("big", ()), ListedModel("old", (), True))
        return server

    def test_it_is_a_model_back_end(self) -> None:
        verifyObject(IModelBackend, self.backend)

    def test_aliases_and_visible_models_are_listed(self) -> None:
        offered = {card.id: card.efforts for card in self.backend.models()}
        self.assertEqual(offered, {"fast": ("low", "high"), "scripted": ("low", "high"), "big": ()})

    def test_a_name_stands_for_a_model_and_an_effort(self) -> None:
        asked = {
            "scripted": ("scripted", None),
            "old": ("old", None),
            "fast": ("scripted", "low"),
            "scripted-high": ("scripted", "high"),
            "fast-high": ("scripted", "high"),
        }
        for name, (model, effort) in asked.items():
            self.codex.ask(turn("say: hi", model=name))
            started = self.codex.server.calls_to("turn/start")[-1]
            self.assertEqual((started["model"], started.get("effort")), (model, effort), name)

    def test_the_effort_of_the_request_overrides_that_of_the_name(self) -> None:
        self.codex.ask(turn("say: hi", model="fast", reasoning=ReasoningOptions("high")))
        self.assertEqual(self.codex.server.calls_to("turn/start")[-1]["effort"], "high")

    def test_unknown_names_are_refused(self) -> None:
        for name in ("gpt-4o", "scripted-huge", "", "big-low"):
            self.assertEqual(self.refusal(turn("say: hi", model=name)), "unknown_model")

    def test_a_check_refuses_what_begin_refuses_whatever_the_history_is(self) -> None:
        self.backend.check(turn("say: hi"))
        refused = self.assertRaises(FaultError, self.backend.check, turn("say: hi", model="gpt-4o")).fault
        self.assertEqual(refused.kind, "unknown_model")
        self.codex.process.exit(1)
        refused = self.assertRaises(FaultError, self.backend.check, turn("say: hi")).fault
        self.assertEqual(refused.kind, "not_ready")

    def test_a_thread_is_not_continued_under_another_name(self) -> None:
        first = self.codex.ask(turn("say: hi", model="fast"))
        self.codex.ask(evolve(continued(first, "say: two"), model="scripted-low"))
        self.assertEqual(self.codex.metric("affinity_hit"), 0)

    def test_the_models_are_read_again_periodically(self) -> None:
        self.codex.server.models = (ListedModel("new", ("low",)),)
        self.codex.reactor.pump([1.0] * 299)
        self.assertIn("scripted", [card.id for card in self.backend.models()])
        self.codex.reactor.advance(1)
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "new"])

    def test_the_models_stay_if_the_child_does_not_answer(self) -> None:
        self.codex.server.ignored_methods = {"model/list"}
        self.codex.reactor.pump([1.0] * 640)
        self.assertIn("scripted", [card.id for card in self.backend.models()])
        self.assertEqual(self.codex.metric("child_call_timeout"), 2)

    def test_the_models_are_read_again_after_the_child_has_died(self) -> None:
        self.codex.server.ignored_methods = {"model/list"}
        self.codex.reactor.pump([1.0] * 301)
        self.codex.process.exit(1)
        self.codex.reactor.advance(1)
        self.codex.server.models = (ListedModel("new"),)
        self.codex.reactor.pump([1.0] * 300)
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "new"])

    def test_the_models_of_a_new_child_replace_the_old_ones(self) -> None:
        self.codex.reactor.make_server = lambda: FakeAppServer()
        self.codex.process.exit(1)
        self.assertIn("big", [card.id for card in self.backend.models()])
        self.codex.reactor.advance(1)
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "scripted"])


class AnyNameTests(BackendTestCase):
    settings = Settings(models=Models(pass_unlisted=True))

    def test_unknown_names_are_passed_on_if_allowed(self) -> None:
        self.codex.ask(turn("say: hi", model="anything"))
        self.assertEqual(self.codex.server.model_requests[-1]["model"], "anything")


class ReadinessTests(BackendTestCase):
    def test_turns_are_refused_while_no_child_is_up(self) -> None:
        self.assertTrue(self.backend.ready())
        self.codex.process.exit(1)
        self.assertFalse(self.backend.ready())
        self.assertEqual(self.refusal(turn("say: hi")), "not_ready")
        self.assertEqual(self.refusal(turn("say: hi", model="nonsense")), "not_ready")
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_the_key_of_the_provider_is_removed_from_failures(self) -> None:
        redaction = KeyRedaction("UPPLAIN99887766")
        backend = ChildBackend(Settings(), {}, "/empty", Clock(), Metrics(), redact=redaction.apply_to_fault)
        failed = backend.explain(fault("invalid_prompt", "Incorrect key: UPPLAIN99887766"))
        self.assertEqual(failed.message, "Incorrect key: ***")

    def test_metrics_of_turns_and_children(self) -> None:
        asked = [self.codex.ask(turn("hang:")) for _ in range(3)]
        self.codex.reactor.advance(1)
        self.assertEqual((self.codex.metric("turns_running"), self.codex.metric("children_up")), (3, 1))
        for one in asked:
            one.cancel()
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.metric("turns_running"), 0)
        self.codex.process.exit(1)
        self.assertEqual(self.codex.metric("children_up"), 0)


class RefusalTests(BackendTestCase):
    """Input that the model cannot be shown is refused before any call, and leaves nothing."""

    def test_in_a_new_conversation(self) -> None:
        self.assertEqual(
            self.refusal(Turn(model="scripted", items=(Message(role="user", parts=(BINARY,)),))), "unsupported"
        )
        self.assertEqual(self.codex.server.calls_to("thread/start"), [])

    def test_in_a_continued_conversation(self) -> None:
        first = self.codex.ask(turn("say: hi"))
        follow_up = continued(first)
        follow_up = evolve(follow_up, items=(*follow_up.items, Message(role="user", parts=(BINARY,))))
        self.assertEqual(self.refusal(follow_up), "unsupported")
        self.assertNothingLeft()

    def test_in_a_tool_result(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        given = with_results(asked, "x")
        last = given.items[-1]
        assert isinstance(last, ToolResult)
        bad = evolve(last, parts=(BINARY, AudioPart("AAAA", "wav")))
        self.assertEqual(self.refusal(evolve(given, items=(*given.items[:-1], bad))), "unsupported")
        self.assertNothingLeft()
        self.assertEqual(self.codex.ask(given).reply.text, "tool said: x")

    def assertNothingLeft(self) -> None:
        self.codex.reactor.advance(0)
        (worker,) = self.codex.pool.workers
        self.assertEqual((len(worker._sessions), self.codex.threads), (0, 0))


class AgentTests(BackendTestCase):
    settings = Settings(models=Models(alias=ALIASES), turns=NO_RETRIES)

    def make_server(self) -> FakeAppServer:
        server = FakeAppServer()
        number = len(self.codex.reactor.children)
        server.models = (ListedModel("scripted"),) if number == 0 else (ListedModel("the-agents-own"),)
        return server

    def test_agents_have_their_own_children_on_the_same_home(self) -> None:
        plain, agent = self.codex.reactor.children
        self.assertTrue(any("model_catalog_json" in str(word) for word in plain.command[1]))  # type: ignore[attr-defined]
        self.assertFalse(any("model_catalog_json" in str(word) for word in agent.command[1]))  # type: ignore[attr-defined]
        self.assertEqual(plain.command[2]["CODEX_HOME"], agent.command[2]["CODEX_HOME"])  # type: ignore[index]

    def test_the_agents_child_starts_after_the_first_plain_one(self) -> None:
        codex = InMemoryCodex(state=Path(self.mktemp()), settings=self.settings)
        codex.reactor.holds_output = True
        codex.start()
        codex.reactor.advance(5)
        self.assertEqual(len(codex.reactor.children), 1)

    def test_an_agent_has_codexs_prompt_and_its_own_workspace(self) -> None:
        self.codex.ask(turn("say: hi", model="helper", instructions="be nice"))
        (start,) = self.codex.reactor.children[1].server.calls_to("thread/start")
        self.assertEqual(
            (start["cwd"], start["permissions"]), ("/srv/space", name_profile("/srv/space", "workspace-write"))
        )
        self.assertEqual(start["developerInstructions"], "be nice")
        self.assertNotIn("baseInstructions", start)
        self.assertNotIn("environments", start)

    def test_a_plain_thread_has_the_empty_workspace_and_nothing_of_the_home(self) -> None:
        self.codex.reactor.children[0].server.mcp_servers = ("docs",)
        self.codex.reactor.children[0].exit(1)
        self.codex.reactor.make_server = self._with_mcp
        self.codex.reactor.advance(1)
        self.codex.ask(turn("say: hi"))
        (start,) = self.codex.process.server.calls_to("thread/start")
        self.assertEqual(start["cwd"], str(self.codex.state / "workspace"))
        self.assertIs(start["config"]["mcp_servers.docs.enabled"], False)
        self.assertEqual(start["config"]["model_verbosity"], "medium")

    def _with_mcp(self) -> FakeAppServer:
        server = FakeAppServer()
        server.mcp_servers = ("docs",)
        server.verbosity = "low"
        return server

    def test_the_models_on_offer_are_those_of_plain_children(self) -> None:
        self.assertEqual([card.id for card in self.backend.models()], ["fast", "helper", "scripted"])

    def test_an_agents_child_that_is_down_affects_agents_only(self) -> None:
        self.codex.reactor.children[1].exit(1)
        self.assertTrue(self.backend.ready())
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")
        self.assertEqual(self.refusal(turn("say: hi", model="helper")), "not_ready")


class SourceTests(BackendTestCase):
    def test_files_that_the_child_adds_are_warned_of_once(self) -> None:
        self.codex.server.behaviour = AppServerBehaviour(sources=("/home/codex/AGENTS.md",))
        warned, ids = list[str](), list[str]()

        class Log:
            def warn(self, form: str, event: str, id: str, file: str) -> None:
                warned.append(file)
                ids.append(id)

        self.patch(ChildBackend, "_log", Log())
        for _ in range(2):
            self.codex.ask(turn("say: hi"), context("req_7"))
        self.assertEqual((warned, ids), (["/home/codex/AGENTS.md"], ["req_7"]))
        self.codex.server.behaviour = AppServerBehaviour(sources=tuple(map(str, range(100))))
        self.codex.ask(turn("say: hello"))
        self.assertEqual(len(warned), 16)
