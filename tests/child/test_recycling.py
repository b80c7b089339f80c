"""A worker is recycled: its successor is up first, its turns finish, and then it stops."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings, Turns
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import TOOL, turn, with_results


class RecyclingTests(SynchronousTestCase):
    def start(self, **codex: Any) -> InMemoryCodex:
        settings = Settings(codex=CodexSettings(**codex))
        return InMemoryCodex.started(Path(self.mktemp()), settings)

    def recycled(self, codex: InMemoryCodex, reason: str) -> float:
        return codex.metrics._labelled["child_recycled"][(reason,)]._value.get()

    def names(self, codex: InMemoryCodex) -> list[str]:
        return [worker.name for worker in codex.pool.workers]

    def test_the_successor_takes_over_before_the_old_one_stops(self) -> None:
        codex = self.start()
        old = codex.process
        codex.reactor.holds_output = True
        self.assertEqual(codex.children.recycle(), ("plain-0",))
        codex.reactor.advance(0)
        new = codex.process
        self.assertEqual((old.alive, new.alive, self.names(codex)), (True, True, ["plain-0"]))
        self.assertEqual(codex.ask(turn("say: old")).reply.text, "old")
        new.holds_output = False
        new.deliver()
        codex.reactor.advance(0)
        self.assertEqual((old.alive, new.alive, self.names(codex)), (False, True, ["plain-1"]))
        self.assertTrue(codex.backend.ready())
        self.assertEqual(codex.ask(turn("say: new")).reply.text, "new")
        self.assertEqual(len(new.server.calls_to("turn/start")), 1)
        self.assertEqual(self.recycled(codex, "request"), 1)
        self.assertEqual((codex.metric("child_exited"), codex.metric("children_up")), (0, 1))

    def test_readiness_never_changes(self) -> None:
        codex = self.start()
        codex.children.recycle()
        for _ in range(50):
            self.assertTrue(codex.backend.ready())
            self.assertEqual(codex.ask(turn("say: x")).reply.text, "x")
            codex.reactor.advance(0.1)
        self.assertEqual(self.names(codex), ["plain-1"])
        self.assertEqual(len(codex.reactor.running_processes), 1)

    def test_running_turns_finish_on_the_old_one_and_new_ones_begin_on_the_new_one(self) -> None:
        codex = self.start()
        old = codex.process
        old.server.stepwise = True
        running = codex.ask(turn("say: one two"))
        codex.children.recycle()
        codex.reactor.advance(0)
        self.assertEqual((self.names(codex), old.alive), (["plain-1"], True))
        self.assertEqual(codex.ask(turn("say: three")).reply.text, "three")
        self.assertEqual(codex.metric("turns_running"), 1)
        codex.reactor.pump([1.0] * 20)
        self.assertTrue(old.alive)
        old.catch_up()
        self.assertEqual(running.reply.text, "one two")
        codex.reactor.advance(1)
        codex.reactor.advance(0)
        self.assertFalse(old.alive)
        self.assertEqual(codex.threads, codex.metric("threads_idle"))

    def test_a_turn_that_never_ends_is_bounded_by_its_own_time_limit(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()), Settings(turns=Turns(retries=0)))
        old = codex.process
        hanging = codex.ask(turn("hang:"))
        codex.children.recycle()
        codex.reactor.pump([1.0] * 302)
        self.assertIsNotNone(hanging.reply.fault)
        self.assertFalse(old.alive)

    def test_a_suspended_turn_is_replayed_on_the_new_one(self) -> None:
        codex = self.start()
        asked = codex.ask(turn("call: f {}", tools=(TOOL,)))
        self.assertEqual(codex.metric("turns_suspended"), 1)
        codex.children.recycle()
        codex.reactor.advance(0)
        self.assertEqual((codex.metric("turns_suspended"), self.names(codex)), (0, ["plain-1"]))
        self.assertEqual(codex.ask(with_results(asked, "1")).reply.text, "tool said: 1")
        self.assertEqual(codex.metric("turn_replayed"), 1)

    def test_a_turn_that_is_suspended_while_its_worker_retires_is_replayed(self) -> None:
        codex = self.start()
        old = codex.process
        old.server.stepwise = True
        asked = codex.ask(turn("call: f {}", tools=(TOOL,)))
        codex.children.recycle()
        codex.reactor.advance(0)
        old.catch_up()
        codex.reactor.pump([1.0, 0])
        self.assertEqual((codex.metric("turns_suspended"), old.alive), (0, False))
        self.assertEqual(codex.ask(with_results(asked, "1")).reply.text, "tool said: 1")

    def test_workers_are_recycled_one_after_the_other(self) -> None:
        codex = self.start(workers=3)
        before = list(codex.reactor.children)
        codex.reactor.holds_output = True
        self.assertEqual(codex.children.recycle(), ("plain-0", "plain-1", "plain-2"))
        for number in range(3):
            self.assertEqual(len(codex.reactor.running_processes), 4, number)
            self.assertEqual(codex.metric("children_up"), 3)
            codex.process.holds_output = False
            codex.process.deliver()
            codex.reactor.advance(0)
        self.assertEqual(len(codex.reactor.running_processes), 3)
        self.assertFalse(any(child.alive for child in before))
        self.assertEqual(self.names(codex), ["plain-3", "plain-4", "plain-5"])

    def test_a_worker_is_recycled_at_each_limit(self) -> None:
        codex = self.start(recycle_after_seconds=10.0)
        codex.reactor.pump([1.0] * 9)
        self.assertEqual(self.names(codex), ["plain-0"])
        codex.reactor.pump([1.0, 0, 0])
        self.assertEqual((self.names(codex), self.recycled(codex, "age")), (["plain-1"], 1))

        codex = self.start(recycle_after_turns=2)
        for _ in range(2):
            codex.ask(turn("say: x"))
        codex.reactor.pump([1.0, 0, 0])
        self.assertEqual((self.names(codex), self.recycled(codex, "turns")), (["plain-1"], 1))
        codex.reactor.pump([1.0] * 5)
        self.assertEqual(self.names(codex), ["plain-1"])

        codex = self.start(recycle_above_bytes=1000)
        codex.resident = 1001
        codex.reactor.pump([1.0, 0])
        codex.resident = 10
        codex.reactor.pump([1.0, 0, 1.0, 0])
        self.assertEqual((self.names(codex), self.recycled(codex, "memory")), (["plain-1"], 1))

    def test_a_successor_that_is_not_up_in_time_changes_nothing(self) -> None:
        codex = self.start(recycle_after_turns=1)
        old = codex.process
        codex.reactor.holds_output = True
        codex.ask(turn("say: x"))
        codex.reactor.pump([1.0] * 45)
        self.assertEqual((self.names(codex), old.alive), (["plain-0"], True))
        self.assertEqual(codex.ask(turn("say: still")).reply.text, "still")
        self.assertEqual(len(codex.reactor.running_processes), 1)
        codex.reactor.holds_output = False
        codex.reactor.pump([1.0] * 70)
        self.assertEqual(self.names(codex)[0][:6], "plain-")
        self.assertNotEqual(self.names(codex), ["plain-0"])

    def test_the_daemon_can_stop_at_any_time(self) -> None:
        for steps in range(4):
            codex = self.start()
            codex.process.server.stepwise = True
            codex.ask(turn("say: one two"))
            codex.children.recycle()
            for _ in range(steps):
                codex.reactor.advance(0)
            stopped = codex.children.stopService()
            codex.reactor.pump([0, 0, 5, 5])
            self.successResultOf(stopped)
            self.assertEqual(codex.reactor.running_processes, [])

    def test_an_old_worker_that_dies_meanwhile_is_not_restarted(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()), Settings(turns=Turns(retries=0)))
        old = codex.process
        hanging = codex.ask(turn("hang:"))
        codex.children.recycle()
        codex.reactor.advance(0)
        old.exit(1)
        codex.reactor.pump([1.0] * 5)
        self.assertIsNotNone(hanging.reply.fault)
        self.assertEqual((self.names(codex), len(codex.reactor.running_processes)), (["plain-1"], 1))
