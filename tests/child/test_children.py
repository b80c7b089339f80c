"""The children as one service: started when their catalog is there, stopped for good, watched meanwhile."""

from pathlib import Path

from twisted.application.service import IService
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.backend import AppServer
from codexd.child.children import Children
from codexd.settings import Codex as CodexSettings
from codexd.settings import Model, Models, Settings
from tests.support.codex import Codex, CodexReactor
from tests.support.listener import turn


class ChildrenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.codex = Codex(Path(self.mktemp()))
        self.reactor = self.codex.reactor

    def test_it_is_a_service_that_runs_nothing_before_it_starts(self) -> None:
        verifyObject(IService, self.codex.children)
        self.assertEqual((self.reactor.processes, self.reactor.getDelayedCalls()), ([], []))

    def test_the_workspace_is_for_nobody_else(self) -> None:
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

    def test_without_a_catalog_they_start_without(self) -> None:
        self.reactor.catalog = None
        self.codex.start()
        self.assertTrue(self.codex.backend.ready())
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_stopping_ends_all_and_leaves_nothing_to_do(self) -> None:
        settings = Settings(
            codex=CodexSettings(workers=2),
            models=Models(alias=(Model("a", profile="agent", workspace="/w"),)),
        )
        codex = Codex.up(Path(self.mktemp()), settings)
        self.assertEqual(len(codex.reactor.living), 4)
        asked = codex.ask(turn("hang:"))
        stopped = codex.children.stopService()
        self.assertNoResult(stopped)
        codex.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((codex.reactor.living, codex.reactor.getDelayedCalls()), ([], []))
        self.assertEqual(asked.kind, "child_died")

    def test_stopping_before_the_catalog_is_written_starts_nothing(self) -> None:
        self.patch(CodexReactor, "_print_catalog", lambda reactor, process: None)
        self.codex.start()
        self.successResultOf(self.codex.children.stopService())
        self.reactor.advance(60)
        self.assertEqual((self.reactor.children, self.reactor.living), ([], []))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_can_be_started_again(self) -> None:
        self.codex.start()
        self.codex.children.stopService()
        self.reactor.advance(0)
        self.codex.start()
        self.assertEqual(len(self.reactor.living), 1)
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_a_defect_in_one_look_at_the_clock_does_not_stop_the_clock(self) -> None:
        self.codex.start()
        looks: list[int] = []

        def broken(backend: AppServer) -> None:
            looks.append(1)
            raise ValueError("a defect")

        self.patch(AppServer, "sweep", broken)
        self.reactor.pump([1.0] * 3)
        self.assertEqual(len(looks), 3)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)

    def test_the_memory_of_all_children_is_shown(self) -> None:
        codex = Codex.up(Path(self.mktemp()), Settings(codex=CodexSettings(workers=2)), resident=100)
        codex.reactor.advance(1)
        self.assertEqual(codex.figure("children_resident_bytes"), 200)
        codex.reactor.children[0].exit(1)
        codex.reactor.advance(1)
        codex.reactor.advance(1)
        self.assertEqual(codex.figure("children_resident_bytes"), 200)

    def test_a_real_process_is_measured_unless_told_otherwise(self) -> None:
        how = self.codex.children._how
        children = Children(Settings(), how, self.reactor, lambda: 0.0, self.codex.metrics)
        self.assertEqual(children._resident(2**31 - 1), 0)
