"""Turns whose events are ready at once, and turns that are cancelled at any moment."""

from attrs import evolve

from codexd.neutral import event as e
from codexd.settings import Turns
from tests.child.test_session import TURNS, SessionTestCase
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.recording_sink import TOOL, StartedTurn, continued, turn, with_results


class ReadyEventsTests(SessionTestCase):
    def test_events_that_are_ready_come_after_the_handle(self) -> None:
        ask = turn("call: f {}\ncall: f {}", tools=(TOOL,), parallel_tool_calls=False)
        first = self.codex.ask(ask)
        self.assertEqual(len(first.reply.calls), 1)
        second = self.codex.begin(with_results(first, "1"))
        self.assertEqual(second.sink.events, [])
        self.codex.reactor.advance(0)
        self.assertEqual((second.kind, len(second.reply.calls)), ("tool_calls", 1))
        self.assertEqual(second.sink.settled, len(second.sink.events))
        third = self.codex.ask(with_results(second, "2"))
        self.assertEqual(third.reply.text, "tool said: 1 | 2")
        self.assertNothingLeft()

    def test_a_turn_cancelled_before_its_ready_events_emits_none(self) -> None:
        first = self.codex.ask(turn("call: f {}\ncall: f {}", tools=(TOOL,), parallel_tool_calls=False))
        second = self.codex.begin(with_results(first, "1"))
        second.cancel()
        self.codex.reactor.advance(0)
        self.assertEqual(second.sink.events, [])
        self.assertNothingLeft()

    def test_a_turn_whose_child_exits_before_its_ready_events_fails(self) -> None:
        first = self.codex.ask(turn("call: f {}\ncall: f {}", tools=(TOOL,), parallel_tool_calls=False))
        second = self.codex.begin(with_results(first, "1"))
        self.codex.process.exit(1)
        self.codex.reactor.advance(0)
        self.assertEqual(second.sink.events, [e.Failed(second.reply.fault)])
        self.assertEqual(second.kind, "child_died")


class CancelTests(SessionTestCase):
    """Cancel after each line that the child reads or writes."""

    turns = evolve(TURNS, suspend_limit=0)

    def cancel_after(self, script: str, steps: int, behaviour: AppServerBehaviour) -> tuple[StartedTurn, bool]:
        """Cancel after so many steps; return the turn, and whether there were more steps."""
        self.codex.server.behaviour = behaviour
        process, server = self.codex.process, self.codex.server
        process.holds_output = server.stepwise = True
        asked = self.codex.begin(turn(script, tools=(TOOL,)))
        more = True
        for _ in range(steps):
            if not process.outbox:
                process.proceed()
            more = bool(process.outbox)
            process.deliver(1)
        over = asked.kind is not None
        asked.cancel()
        process.holds_output = server.stepwise = False
        process.deliver()
        self.codex.reactor.advance(0)
        return asked, more and not over

    def test_a_cancelled_turn_is_stopped_and_leaves_nothing(self) -> None:
        for script in ("think: one two", "preface: so\ncall: f {}\ncall: f {}", "stall: one", "fail: 400"):
            for behaviour in (AppServerBehaviour(), AppServerBehaviour(starts_first=True, calls_early=True)):
                steps, more = 0, True
                while more:
                    before = len(self.codex.server.calls)
                    _, more = self.cancel_after(script, steps, behaviour)
                    if more:
                        calls = [method for method, _ in self.codex.server.calls[before:]]
                        self.assertEqual(calls[-1], "thread/unsubscribe", (script, steps))
                        self.assertNothingLeft()
                    steps += 1
                self.assertGreater(steps, 3)

    def test_a_cancelled_turn_is_interrupted_and_counted_once(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        self.assertEqual(self.codex.metric("turn_interrupted"), 0)
        asked.cancel()
        asked.handle.cancel()
        self.codex.reactor.advance(0)
        self.assertEqual((self.calls("turn/interrupt"), self.codex.metric("turn_interrupted")), (1, 1))
        self.assertNothingLeft()

    def test_a_turn_that_the_child_has_not_begun_is_not_interrupted(self) -> None:
        asked = self.codex.begin(turn("say: hi"))
        asked.cancel()
        self.codex.reactor.advance(0)
        self.assertEqual((self.calls("turn/start"), self.codex.metric("turn_interrupted")), (0, 0))
        self.assertNothingLeft()

    def test_cancel_after_the_end_does_nothing(self) -> None:
        asked = self.codex.ask(turn("say: hi"))
        asked.handle.cancel()
        self.codex.reactor.advance(0)
        self.assertEqual(self.calls("turn/interrupt"), 0)

    def test_the_capacity_is_free_at_once(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        self.codex.process.holds_output = True
        (worker,) = self.codex.pool.workers
        asked.cancel()
        self.assertEqual(worker.running_turns, 0)


class ContinuedThreadTests(SessionTestCase):
    turns = Turns()

    def test_cancelling_a_continued_thread_unloads_it(self) -> None:
        first = self.codex.ask(turn("say: hi"))
        second = self.codex.ask(continued(first, "stall: one"))
        self.assertEqual(self.codex.threads, 1)
        second.cancel()
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)
