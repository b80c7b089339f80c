"""The service of all children: start after the catalog, periodic tasks, stop."""

from pathlib import Path

from twisted.application.service import IService
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.backend import ChildBackend
from codexd.child.children import Children
from codexd.child.provider_catalog import ProviderCatalog
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.model import ModelCard
from codexd.policy.provider_models import ProviderModels
from codexd.settings import Codex as CodexSettings
from codexd.settings import ModelAlias, Models, Settings
from codexd.wire import json
from tests.support.in_memory_codex import FakeCodexReactor, InMemoryCodex
from tests.support.recording_sink import turn


class ChildrenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.codex = InMemoryCodex(state=Path(self.mktemp()))
        self.reactor = self.codex.reactor

    def test_it_is_a_service_and_starts_no_process_before_startService(self) -> None:
        verifyObject(IService, self.codex.children)
        self.assertEqual((self.reactor.processes, self.reactor.getDelayedCalls()), ([], []))

    def test_the_workspace_is_private_and_empty(self) -> None:
        self.codex.start()
        workspace = self.codex.state / "workspace"
        self.assertEqual(workspace.stat().st_mode & 0o777, 0o700)
        self.assertEqual(list(workspace.iterdir()), [])

    def test_children_start_with_the_catalog_once_it_is_written(self) -> None:
        self.codex.children.startService()
        self.assertEqual(self.reactor.children, [])
        self.reactor.advance(0)
        (child,) = self.reactor.children
        (path,) = self.codex.state.glob("model-catalog-*")
        self.assertIn(f'model_catalog_json="{path}"', child.command[1])  # type: ignore[operator]
        self.assertTrue(self.codex.backend.ready())

    def test_children_start_without_a_catalog_if_there_is_none(self) -> None:
        self.reactor.catalog = None
        self.codex.start()
        self.assertTrue(self.codex.backend.ready())
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_stopping_ends_all_children_turns_and_timers(self) -> None:
        settings = Settings(
            codex=CodexSettings(workers=2),
            models=Models(alias=(ModelAlias(name="a", profile="agent", workspace="/w"),)),
        )
        codex = InMemoryCodex.started(Path(self.mktemp()), settings)
        self.assertEqual(len(codex.reactor.running_processes), 4)
        asked = codex.ask(turn("hang:"))
        stopped = codex.children.stopService()
        self.assertNoResult(stopped)
        codex.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((codex.reactor.running_processes, codex.reactor.getDelayedCalls()), ([], []))
        self.assertEqual(asked.kind, "child_died")

    def test_stopping_before_the_catalog_is_written_starts_nothing(self) -> None:
        self.patch(FakeCodexReactor, "_print_catalog", lambda reactor, process: None)
        self.codex.start()
        self.successResultOf(self.codex.children.stopService())
        self.reactor.advance(60)
        self.assertEqual((self.reactor.children, self.reactor.running_processes), ([], []))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_can_be_started_again(self) -> None:
        self.codex.start()
        self.codex.children.stopService()
        self.reactor.advance(0)
        self.codex.start()
        self.assertEqual(len(self.reactor.running_processes), 1)
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_an_error_in_a_periodic_task_does_not_stop_it(self) -> None:
        self.codex.start()
        calls: list[int] = []

        def broken(backend: ChildBackend) -> None:
            calls.append(1)
            raise ValueError("a defect")

        self.patch(ChildBackend, "sweep", broken)
        self.reactor.pump([1.0] * 3)
        self.assertEqual(len(calls), 3)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)

    def test_the_memory_of_all_children_is_a_metric(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()), Settings(codex=CodexSettings(workers=2)), resident=100)
        codex.reactor.advance(1)
        self.assertEqual(codex.metric("children_resident_bytes"), 200)
        self.assertEqual([worker.resident_bytes for worker in codex.children.workers], [100, 100])
        codex.reactor.children[0].exit(1)
        codex.reactor.advance(1)
        codex.reactor.advance(1)
        self.assertEqual(codex.metric("children_resident_bytes"), 200)

    def test_memory_is_read_from_the_system_by_default(self) -> None:
        config = self.codex.children._launch_config
        children = Children(Settings(), config, self.reactor, lambda: 0.0, self.codex.metrics)
        self.assertEqual(children._measure_memory(2**31 - 1), 0)


class ConfiguredProviderTests(SynchronousTestCase):
    """A provider that lists its models when the test says so."""

    def setUp(self) -> None:
        self.cancelled, self.fails_when_cancelled = 0, False
        self.waiting: list[Deferred[tuple[ModelCard, ...]]] = []
        self.codex = InMemoryCodex(state=Path(self.mktemp()), settings=Settings(models=Models(refresh_seconds=5.0)))
        self.codex.provider = ProviderCatalog(
            ProviderModels(provider="mine", configured="qwen"), self.read, 5.0, self.codex.reactor
        )
        self.codex.__attrs_post_init__()
        self.codex.start()

    async def read(self) -> tuple[ModelCard, ...]:
        self.waiting.append(Deferred())
        if self.fails_when_cancelled:
            return await self.waiting[-1].addErrback(self.fail_otherwise)
        try:
            return await self.waiting[-1]
        except CancelledError:
            self.cancelled += 1
            raise

    def fail_otherwise(self, _: object) -> tuple[ModelCard, ...]:
        raise FaultError(fault("unreachable"))

    def respond(self, *names: str) -> None:
        self.waiting.pop().callback(tuple(ModelCard(id=name, context_window=9) for name in names))
        self.codex.reactor.advance(0)

    def names(self) -> list[str]:
        return [card.id for card in self.codex.backend.models()]

    def test_children_start_once_the_list_is_known_with_its_models_in_their_catalog(self) -> None:
        self.assertEqual(self.codex.reactor.processes, [])
        self.respond("llama")
        (path,) = self.codex.state.glob("model-catalog-*")
        self.assertEqual(
            [model["slug"] for model in json.decode(path.read_bytes())["models"]], ["qwen", "llama", "gpt"]
        )
        self.assertEqual(self.names(), ["qwen", "llama"])
        llama = self.codex.backend.models()[1]
        self.assertEqual((llama.context_window, llama.description), (9, None))
        self.assertEqual(json.decode(llama.template or "null")["slug"], "gpt")

    def test_a_failure_does_not_prevent_the_start(self) -> None:
        self.waiting.pop().errback(FaultError(fault("unreachable")))
        self.codex.reactor.advance(0)
        self.assertEqual((self.names(), self.codex.backend.ready()), (["qwen"], True))

    def test_the_list_is_refreshed(self) -> None:
        self.respond("llama")
        self.codex.reactor.advance(5)
        self.respond("phi")
        self.assertEqual(self.names(), ["qwen", "phi"])
        self.assertEqual(self.codex.backend._idle_threads.context_window("phi"), 9)

    def test_it_is_probed_during_an_outage_which_ends_with_its_answer(self) -> None:
        self.respond("llama")
        self.codex.reactor.advance(1)
        backend = self.codex.backend
        self.assertTrue(backend.ready())
        backend.return_permit(backend.acquire_permit("someone"), "unreachable")
        for fails in (True, True, False):
            self.assertFalse(backend.ready(), "also after the time of the breaker")
            self.codex.reactor.pump([1.0] * 20)
            (request,) = self.waiting
            if fails:
                self.waiting.clear()
                request.errback(FaultError(fault("unreachable")))
            else:
                self.respond("llama")
        self.assertTrue(backend.ready())

    def test_a_request_that_fails_when_it_is_cancelled_starts_nothing(self) -> None:
        self.successResultOf(self.codex.children.stopService())
        self.fails_when_cancelled = True
        self.codex.start()
        self.codex.children.stopService()
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.reactor.processes, [])

    def test_stopping_cancels_the_request_at_the_start_and_later(self) -> None:
        self.successResultOf(self.codex.children.stopService())
        self.assertEqual(self.cancelled, 1)
        self.assertEqual((self.codex.reactor.processes, self.codex.reactor.getDelayedCalls()), ([], []))
        self.waiting.clear()
        self.codex.start()
        self.respond("llama")
        self.codex.reactor.advance(5)
        self.codex.children.stopService()
        self.assertEqual(self.cancelled, 2)
        self.codex.reactor.advance(0)
        self.assertEqual((self.names(), self.codex.reactor.getDelayedCalls()), (["qwen", "llama"], []))
