"""Answers that are held back, and answers that nobody wants any more: at any moment, with nothing left."""

from attrs import evolve

from codexd.neutral import event as e
from codexd.settings import Turns
from tests.child.test_session import TURNS, SessionTestCase
from tests.support.appserver_thread import Habits
from tests.support.listener import TOOL, Asked, after, answered, turn


class HeldBackTests(SessionTestCase):
    def test_an_answer_that_is_there_at_once_begins_after_its_handle_was_given(self) -> None:
        ask = turn("call: f {}\ncall: f {}", tools=(TOOL,), parallel_tool_calls=False)
        first = self.codex.ask(ask)
        self.assertEqual(len(first.reply.calls), 1)
        second = self.codex.begin(answered(first, "1"))
        self.assertEqual(second.listener.events, [])
        self.codex.reactor.advance(0)
        self.assertEqual((second.kind, len(second.reply.calls)), ("tool_calls", 1))
        self.assertEqual(second.listener.flushed, len(second.listener.events))
        third = self.codex.ask(answered(second, "2"))
        self.assertEqual(third.reply.text, "tool said: 1 | 2")
        self.assertGone()

    def test_one_that_is_cancelled_before_it_began_says_nothing(self) -> None:
        first = self.codex.ask(turn("call: f {}\ncall: f {}", tools=(TOOL,), parallel_tool_calls=False))
        second = self.codex.begin(answered(first, "1"))
        second.leave()
        self.codex.reactor.advance(0)
        self.assertEqual(second.listener.events, [])
        self.assertGone()

    def test_one_whose_child_dies_before_it_began_fails(self) -> None:
        first = self.codex.ask(turn("call: f {}\ncall: f {}", tools=(TOOL,), parallel_tool_calls=False))
        second = self.codex.begin(answered(first, "1"))
        self.codex.process.exit(1)
        self.codex.reactor.advance(0)
        self.assertEqual(second.listener.events, [e.Failed(second.reply.fault)])
        self.assertEqual(second.kind, "child_died")


class CancelTests(SessionTestCase):
    """At any moment: after each line that the child reads, writes, or says."""

    turns = evolve(TURNS, suspend_limit=0)

    def leave_after(self, script: str, steps: int, habits: Habits) -> tuple[Asked, bool]:
        """Cancel after so many steps; tell whether there were more."""
        self.codex.server.habits = habits
        process, server = self.codex.process, self.codex.server
        process.held = server.paced = True
        asked = self.codex.begin(turn(script, tools=(TOOL,)))
        more = True
        for _ in range(steps):
            if not process.outbox:
                process.proceed()
            more = bool(process.outbox)
            process.deliver(1)
        over = asked.kind is not None
        asked.leave()
        process.held = server.paced = False
        process.deliver()
        self.codex.reactor.advance(0)
        return asked, more and not over

    def test_the_model_is_stopped_as_soon_as_can_be_and_nothing_is_told_or_left(self) -> None:
        for script in ("think: one two", "preface: so\ncall: f {}\ncall: f {}", "stall: one", "fail: 400"):
            for habits in (Habits(), Habits(starts_first=True, calls_early=True)):
                steps, more = 0, True
                while more:
                    before = len(self.codex.server.calls)
                    _, more = self.leave_after(script, steps, habits)
                    if more:
                        calls = [method for method, _ in self.codex.server.calls[before:]]
                        self.assertEqual(calls[-1], "thread/unsubscribe", (script, steps))
                        self.assertGone()
                    steps += 1
                self.assertGreater(steps, 3)

    def test_a_cancelled_turn_is_interrupted_and_counted_once(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        self.assertEqual(self.codex.figure("turn_interrupted"), 0)
        asked.leave()
        asked.handle.cancel()
        self.codex.reactor.advance(0)
        self.assertEqual((self.asked("turn/interrupt"), self.codex.figure("turn_interrupted")), (1, 1))
        self.assertGone()

    def test_one_that_never_began_in_the_child_is_not_interrupted(self) -> None:
        asked = self.codex.begin(turn("say: hi"))
        asked.leave()
        self.codex.reactor.advance(0)
        self.assertEqual((self.asked("turn/start"), self.codex.figure("turn_interrupted")), (0, 0))
        self.assertGone()

    def test_an_answer_that_is_over_is_not_cancelled(self) -> None:
        asked = self.codex.ask(turn("say: hi"))
        asked.handle.cancel()
        self.codex.reactor.advance(0)
        self.assertEqual(self.asked("turn/interrupt"), 0)

    def test_the_place_is_free_at_once(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        self.codex.process.held = True
        (worker,) = self.codex.children._pools["plain"].workers
        asked.leave()
        self.assertEqual(worker.running, 0)


class WarmTests(SessionTestCase):
    turns = Turns()

    def test_cancelling_a_continued_thread_unloads_it(self) -> None:
        first = self.codex.ask(turn("say: hi"))
        second = self.codex.ask(after(first, "stall: one"))
        self.assertEqual(self.codex.threads, 1)
        second.leave()
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)
