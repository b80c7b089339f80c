"""Codex processes that run as many turns as they may, with the queue in front of them."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Turn
from codexd.routing.queued_backend import QueuedBackend
from codexd.routing.turn_queue import QueueDependencies
from codexd.settings import Codex, ModelAlias, Models, Queue, Settings, Turns
from tests.child.test_suspended_turns import IdleThreadsTestCase
from tests.support.fake_app_server import FakeAppServer
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.limited_backend import context_of
from tests.support.recording_sink import TOOL, RecordingSink, StartedTurn, continued, turn, with_results


class FullChildrenTestCase(SynchronousTestCase):
    def build(self, workers: int = 1, **changes: object) -> None:
        settings = Settings(codex=Codex(workers=workers, turns_per_worker=1), **changes)
        self.codex = InMemoryCodex.started(Path(self.mktemp()), settings)
        needs = QueueDependencies(
            settings=Queue(),
            slots=self.codex.backend._slots,
            turns_at_once=lambda principal: 0,
            clock=self.codex.reactor,
            metrics=self.codex.metrics,
            chance=lambda: 0.5,
        )
        self.backend = QueuedBackend("codex", self.codex.backend, needs)

    def begin(self, asked: Turn, principal: str = "a") -> StartedTurn:
        sink = RecordingSink(strict=False)
        asked = evolve(asked, principal=principal)
        return StartedTurn(asked, sink, self.backend.begin(asked, context_of(principal), sink))

    def ask(self, asked: Turn, principal: str = "a") -> StartedTurn:
        begun = self.begin(asked, principal)
        self.run_all()
        return begun

    def run_all(self) -> None:
        for _ in range(9):
            self.codex.reactor.advance(0)


class FullChildrenTests(FullChildrenTestCase):
    def setUp(self) -> None:
        self.build()

    def test_turns_beyond_the_limit_run_one_after_another(self) -> None:
        begun = [self.begin(turn(f"say: {number}")) for number in range(4)]
        self.assertEqual(self.codex.metric("turns_running"), 1)
        self.run_all()
        self.assertEqual([one.reply.text for one in begun], ["0", "1", "2", "3"])

    def test_a_suspended_turn_takes_no_slot_and_its_continuation_does_not_wait(self) -> None:
        suspended = self.ask(turn("call: f {}", tools=(TOOL,)))
        self.assertEqual((suspended.kind, self.codex.metric("turns_running")), ("tool_calls", 0))
        running, waiting = self.begin(turn("say: one")), self.begin(turn("say: two"))
        resumed = self.begin(with_results(suspended, "x"))
        self.assertEqual(self.codex.metric("turns_running"), 2)
        self.run_all()
        self.assertEqual([one.reply.text for one in (running, waiting)], ["one", "two"])
        self.assertEqual((resumed.reply.text, self.codex.metric("turn_resumed")), ("tool said: x", 1))

    def test_results_whose_turn_no_longer_waits_are_answered_after_a_wait(self) -> None:
        suspended = self.ask(turn("call: f {}", tools=(TOOL,)))
        self.codex.reactor.pump([1.0] * 601)
        running = self.begin(turn("say: one"))
        replayed = self.begin(with_results(suspended, "x"))
        self.run_all()
        self.assertEqual((running.reply.text, replayed.reply.text), ("one", "tool said: x"))
        self.assertEqual((self.codex.metric("turn_resumed"), self.codex.metric("turn_replayed")), (0, 1))

    def test_a_turn_that_waits_continues_its_idle_thread(self) -> None:
        first = self.ask(turn("say: one"))
        running = self.begin(turn("say: other"))
        second = self.begin(continued(first, "say: two"))
        self.run_all()
        self.assertEqual((running.reply.text, second.reply.text), ("other", "two"))
        self.assertEqual(len(self.codex.server.calls_to("thread/start")), 2)

    def test_a_cancelled_turn_frees_its_slot(self) -> None:
        running, waiting = self.begin(turn("say: one")), self.begin(turn("say: two"))
        running.cancel()
        self.run_all()
        self.assertEqual(waiting.reply.text, "two")

    def test_turns_wait_for_a_child_that_is_restarted(self) -> None:
        running, waiting = self.begin(turn("say: one")), self.begin(turn("say: two"))
        self.codex.process.exit(1)
        self.codex.reactor.pump([0.1] * 20)
        self.assertEqual((running.reply.text, waiting.reply.text), ("one", "two"))

    def test_a_turn_that_is_started_again_keeps_its_slot_although_others_wait(self) -> None:
        self.codex.reactor.make_server = lambda: FakeAppServer(stepwise=True)
        self.codex.server.stepwise = True
        first, *others = [self.begin(turn(f"say: {number}")) for number in range(4)]
        self.codex.process.exit(1)
        self.codex.reactor.pump([0.1] * 20)
        self.codex.process.catch_up()
        self.assertEqual((first.reply.text, [one.kind for one in others]), ("0", [None] * 3))
        for _ in others:
            self.run_all()
            self.codex.process.catch_up()
        self.assertEqual([one.reply.text for one in others], ["1", "2", "3"])

    def test_a_turn_that_is_cancelled_before_it_is_started_again_gives_up_its_slot(self) -> None:
        first = self.ask(turn("fail: 500"))
        second = self.ask(turn("say: 1"))
        self.assertEqual((first.kind, second.kind, self.codex.metric("turns_running")), (None, None, 0))
        first.cancel()
        self.run_all()
        self.assertEqual(second.reply.text, "1")

    def test_turns_that_come_while_the_child_restarts_wait_although_they_are_more_than_its_slots(self) -> None:
        self.codex.reactor.make_server = lambda: FakeAppServer(stepwise=True)
        self.codex.process.exit(1)
        begun = [self.begin(turn(f"say: {number}")) for number in range(4)]
        self.assertEqual([one.kind for one in begun], [None] * 4)
        for _ in begun:
            self.codex.reactor.pump([0.1] * 20)
            self.codex.process.catch_up()
        self.assertEqual(sorted(one.reply.text for one in begun), ["0", "1", "2", "3"])

    def test_a_turn_that_waits_begins_on_the_successor_of_a_process_that_is_recycled(self) -> None:
        self.codex.server.stepwise = True
        running, waiting = self.begin(turn("say: one two")), self.begin(turn("say: two"))
        self.run_all()
        old = self.codex.process
        self.codex.children.recycle()
        self.run_all()
        self.assertEqual((waiting.reply.text, running.kind), ("two", None))
        old.catch_up()
        self.run_all()
        self.assertEqual(running.kind, "stop")

    def test_no_slot_is_counted_after_all_turns(self) -> None:
        for number in range(3):
            self.ask(turn(f"say: {number}"))
        self.codex.process.exit(1)
        ledger = self.codex.backend._slots
        self.assertEqual((ledger.running("a"), len(ledger._running)), (0, 0))


class SeveralChildrenTests(FullChildrenTestCase):
    def test_a_slot_of_any_child_is_used(self) -> None:
        self.build(workers=2)
        begun = [self.begin(turn(f"say: {number}")) for number in range(5)]
        self.assertEqual(self.codex.metric("turns_running"), 2)
        self.run_all()
        self.assertEqual([one.reply.text for one in begun], list("01234"))

    def test_turns_of_one_profile_do_not_wait_for_another(self) -> None:
        alias = ModelAlias(name="agent", model="scripted", profile="agent", workspace="/tmp")
        self.build(models=Models(alias=(alias,)))
        self.run_all()
        self.begin(turn("say: one"))
        self.begin(turn("say: two"))
        self.begin(turn("say: three", model="agent"))
        self.assertEqual(self.codex.metric("turns_running"), 2)
        self.run_all()


class SharesTests(IdleThreadsTestCase):
    """What is kept between requests is shared by keys."""

    settings = Settings(turns=Turns(suspend_limit=4, affinity_limit=4))

    def ask_as(self, principal: str, text: str, **fields: object) -> StartedTurn:
        asked = evolve(turn(text, **fields), principal=principal)
        return self.codex.ask(asked, context_of(principal))

    def test_suspended_turns_of_one_key_do_not_evict_those_of_another(self) -> None:
        own = [self.ask_as("b", f"call: f {{}}\nthen: say: {number}", tools=(TOOL,)) for number in range(2)]
        for number in range(80):
            self.ask_as("a", f"call: f {{}}\nthen: say: {number}", tools=(TOOL,))
        for one in own:
            self.codex.ask(with_results(one, "x"), context_of("b"))
        self.assertEqual(self.figures("turn_resumed", "turn_replayed", "turns_suspended"), [2, 0, 2])

    def test_idle_threads_of_one_key_do_not_evict_those_of_another(self) -> None:
        own = [self.ask_as("b", f"say: {number}") for number in range(2)]
        for number in range(80):
            self.ask_as("a", f"say: a{number}")
        for one in own:
            self.codex.ask(continued(one, "say: again"), context_of("b"))
        self.assertEqual(self.figures("affinity_hit"), [2])
