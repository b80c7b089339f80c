"""Several children on one home: the first alone, then all; the least busy answers."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.child.pool import Pool
from codexd.neutral.fault import Refused
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings
from tests.support.codex import Codex
from tests.support.listener import turn


class PoolTests(SynchronousTestCase):
    def make(self, workers: int = 3, turns: int = 2) -> Codex:
        settings = Settings(codex=CodexSettings(workers=workers, turns_per_worker=turns))
        return Codex(Path(self.mktemp()), settings)

    def pool(self, codex: Codex) -> Pool:
        return codex.children._pools["plain"]

    def test_the_first_child_has_a_fresh_home_to_itself(self) -> None:
        codex = self.make()
        codex.reactor.held = True
        codex.start()
        self.assertEqual(len(codex.reactor.children), 1)
        codex.reactor.advance(10)
        self.assertEqual(len(codex.reactor.children), 1)
        self.assertFalse(codex.backend.ready())
        codex.process.held = codex.reactor.held = False
        codex.process.deliver()
        codex.reactor.advance(0)
        self.assertEqual(len(codex.reactor.children), 3)
        self.assertEqual(codex.figure("children_up"), 3)

    def test_a_first_child_that_dies_before_it_was_up_leaves_the_home_to_its_successor_alone(self) -> None:
        codex = self.make()
        codex.reactor.held = True
        codex.start()
        codex.process.exit(1)
        codex.reactor.advance(1)
        self.assertEqual((len(codex.reactor.children), len(codex.reactor.living)), (2, 1))

    def test_once_it_was_up_the_others_do_not_wait_for_it_again(self) -> None:
        codex = self.make()
        codex.start()
        for child in codex.reactor.children[:]:
            child.exit(1)
        codex.reactor.advance(0.5)
        self.assertEqual(len(codex.reactor.living), 3)

    def test_turns_go_where_the_fewest_run(self) -> None:
        codex = self.make()
        codex.start()
        for _ in range(5):
            codex.ask(turn("hang:"))
        self.assertEqual([worker.running for worker in self.pool(codex).workers], [2, 2, 1])

    def test_when_all_are_full_more_is_refused_until_one_is_done(self) -> None:
        codex = self.make()
        codex.start()
        asked = [codex.ask(turn("hang:")) for _ in range(6)]
        with self.assertRaises(Refused) as refused:
            codex.begin(turn("say: hi"))
        self.assertEqual(refused.exception.fault.kind, "busy")
        asked[3].leave()
        self.assertEqual(codex.ask(turn("say: hi")).kind, "stop")

    def test_a_child_that_is_down_is_passed_over(self) -> None:
        codex = self.make(workers=2)
        codex.start()
        codex.reactor.children[0].exit(1)
        for _ in range(2):
            codex.ask(turn("hang:"))
        self.assertEqual([worker.running for worker in self.pool(codex).workers], [0, 2])
        with self.assertRaises(Refused) as refused:
            codex.begin(turn("hang:"))
        self.assertEqual(refused.exception.fault.kind, "busy")

    def test_with_none_up_everything_is_refused(self) -> None:
        codex = self.make(workers=1)
        with self.assertRaises(Refused) as refused:
            self.pool(codex).choose()
        self.assertEqual(refused.exception.fault.kind, "not_ready")
