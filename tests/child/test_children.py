"""The service of all children: start after the catalog, periodic tasks, stop."""

from pathlib import Path

from twisted.application.service import IService
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.backend import ChildBackend
from codexd.child.children import Children
from codexd.settings import Codex as CodexSettings
from codexd.settings import ModelAlias, Models, Settings
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
        codex.reactor.children[0].exit(1)
        codex.reactor.advance(1)
        codex.reactor.advance(1)
        self.assertEqual(codex.metric("children_resident_bytes"), 200)

    def test_memory_is_read_from_the_system_by_default(self) -> None:
        config = self.codex.children._launch_config
        children = Children(Settings(), config, self.reactor, lambda: 0.0, self.codex.metrics)
        self.assertEqual(children._measure_memory(2**31 - 1), 0)
