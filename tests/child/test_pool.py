"""A pool starts its first child alone, and chooses the worker with the fewest turns."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import turn


class PoolTests(SynchronousTestCase):
    def make(self, workers: int = 3, turns: int = 2) -> InMemoryCodex:
        settings = Settings(codex=CodexSettings(workers=workers, turns_per_worker=turns))
        return InMemoryCodex(state=Path(self.mktemp()), settings=settings)

    def test_the_first_child_starts_alone(self) -> None:
        codex = self.make()
        codex.reactor.holds_output = True
        codex.start()
        self.assertEqual(len(codex.reactor.children), 1)
        codex.reactor.advance(10)
        self.assertEqual(len(codex.reactor.children), 1)
        self.assertFalse(codex.backend.ready())
        codex.process.holds_output = codex.reactor.holds_output = False
        codex.process.deliver()
        codex.reactor.advance(0)
        self.assertEqual(len(codex.reactor.children), 3)
        self.assertEqual(codex.metric("children_up"), 3)

    def test_after_a_first_child_that_was_never_up_its_successor_starts_alone(self) -> None:
        codex = self.make()
        codex.reactor.holds_output = True
        codex.start()
        codex.process.exit(1)
        codex.reactor.advance(1)
        self.assertEqual((len(codex.reactor.children), len(codex.reactor.running_processes)), (2, 1))

    def test_once_it_was_up_the_others_restart_without_it(self) -> None:
        codex = self.make()
        codex.start()
        for child in codex.reactor.children[:]:
            child.exit(1)
        codex.reactor.advance(0.5)
        self.assertEqual(len(codex.reactor.running_processes), 3)

    def test_turns_go_to_the_worker_with_the_fewest(self) -> None:
        codex = self.make()
        codex.start()
        for _ in range(5):
            codex.ask(turn("hang:"))
        self.assertEqual([worker.running_turns for worker in codex.pool.workers], [2, 2, 1])

    def test_when_all_are_full_turns_are_refused_until_one_ends(self) -> None:
        codex = self.make()
        codex.start()
        asked = [codex.ask(turn("hang:")) for _ in range(6)]
        with self.assertRaises(FaultError) as refused:
            codex.begin(turn("say: hi"))
        self.assertEqual(refused.exception.fault.kind, "busy")
        asked[3].cancel()
        self.assertEqual(codex.ask(turn("say: hi")).kind, "stop")

    def test_a_child_that_is_down_is_not_chosen(self) -> None:
        codex = self.make(workers=2)
        codex.start()
        codex.reactor.children[0].exit(1)
        for _ in range(2):
            codex.ask(turn("hang:"))
        self.assertEqual([worker.running_turns for worker in codex.pool.workers], [0, 2])
        with self.assertRaises(FaultError) as refused:
            codex.begin(turn("hang:"))
        self.assertEqual(refused.exception.fault.kind, "busy")

    def test_with_no_child_up_turns_are_refused(self) -> None:
        codex = self.make(workers=1)
        with self.assertRaises(FaultError) as refused:
            codex.pool.choose_worker()
        self.assertEqual(refused.exception.fault.kind, "not_ready")
