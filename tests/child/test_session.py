"""One thread and its answers: watchdogs, cancelling, and what is left behind, which is nothing."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Sampling
from codexd.settings import Settings, Turns
from codexd.wire import jsonrpc
from tests.support.appserver_thread import Habits
from tests.support.codex import Codex
from tests.support.listener import TOOL, answered, turn

TURNS = Turns(first_event_seconds=20, idle_seconds=30, total_seconds=100, affinity=False)
CALL_SECONDS = 30


class SessionTestCase(SynchronousTestCase):
    turns = TURNS

    def setUp(self) -> None:
        self.codex = Codex.up(Path(self.mktemp()), Settings(turns=self.turns))

    def wait(self, seconds: int) -> None:
        self.codex.reactor.pump([1.0] * seconds)

    def asked(self, method: str) -> int:
        return len(self.codex.server.asked(method))

    def assertGone(self) -> None:
        """Nothing runs and nothing is kept, here and in the child."""
        self.codex.reactor.advance(0)
        (worker,) = self.codex.children._pools["plain"].workers
        self.assertEqual((worker.running, len(worker._sessions), len(worker._located)), (0, 0, 0))
        self.assertEqual((self.codex.threads, len(self.codex.server.turns)), (0, 0))


class WatchdogTests(SessionTestCase):
    def test_a_model_that_does_not_begin_is_stopped(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        self.wait(20)
        self.assertIsNone(asked.kind)
        self.wait(1)
        self.assertEqual(asked.kind, "no_first_event")
        self.assertEqual(self.codex.figure("watchdog_no_first_event"), 1)
        self.assertEqual((self.asked("turn/interrupt"), self.codex.figure("turn_interrupted")), (1, 1))
        self.assertGone()

    def test_reconnecting_for_ever_is_no_beginning_and_no_sign_of_life(self) -> None:
        for script, kind, seconds in (("hang:", "no_first_event", 21), ("stall: one", "idle", 31)):
            asked = self.codex.ask(turn(script))
            ((thread, under_way),) = self.codex.server.turns.items()
            error = {"error": {"message": "Reconnecting... 1/5"}, "willRetry": True}
            line = jsonrpc.encode_notification("error", {"threadId": thread, "turnId": under_way.id, **error})
            for _ in range(seconds):
                self.assertIsNone(asked.kind)
                self.codex.process.tell(line)
                self.wait(1)
            self.assertEqual(asked.kind, kind)
            self.assertGone()

    def test_a_model_that_stops_in_the_middle_is_stopped(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        self.wait(30)
        self.assertIsNone(asked.kind)
        self.wait(1)
        self.assertEqual((asked.kind, asked.reply.text), ("idle", "one"))
        self.assertEqual(self.codex.figure("watchdog_idle"), 1)
        self.assertGone()

    def test_a_model_that_goes_on_for_ever_is_stopped(self) -> None:
        self.codex.server.paced = True
        asked = self.codex.ask(turn("long: 1000"))
        for _ in range(101):
            self.assertIsNone(asked.kind)
            self.codex.process.proceed()
            self.wait(1)
        self.assertEqual(asked.kind, "too_long")
        self.assertEqual(self.codex.figure("watchdog_too_long"), 1)
        self.assertGone()

    def test_an_answer_that_never_opens_its_thread_is_not_waited_for(self) -> None:
        for method in ("thread/start", "turn/start"):
            self.codex.server.deaf = {method}
            asked = self.codex.ask(turn("say: hi"))
            self.wait(21)
            self.assertEqual(asked.kind, "no_first_event")
            self.codex.server.deaf = set()
            self.wait(CALL_SECONDS)
            self.assertGone()

    def test_what_the_child_begins_too_late_is_ended_at_once(self) -> None:
        for script, read in (("say: hi", 0), ("hang:", 1)):
            self.codex.process.held = True
            asked = self.codex.begin(turn(script))
            self.codex.process.deliver(read)
            self.wait(CALL_SECONDS + 1)
            self.assertEqual(asked.kind, "no_first_event")
            self.codex.process.held = False
            self.codex.process.deliver()
            self.codex.reactor.advance(0)
            self.assertGone()

    def test_a_call_that_is_not_answered_fails_its_answer(self) -> None:
        codex = Codex.up(Path(self.mktemp()))
        codex.server.deaf = {"turn/start"}
        asked = codex.ask(turn("say: hi"))
        codex.reactor.pump([1.0] * (CALL_SECONDS + 1))
        self.assertEqual((asked.kind, codex.figure("child_call_late")), ("model_failed", 1))
        self.assertEqual(codex.threads, 0)


class LostWordTests(SessionTestCase):
    def lose(self, *methods: str) -> None:
        self.codex.server.habits = Habits(loses=frozenset(methods))

    def test_an_answer_is_whole_though_the_turns_last_word_was_lost(self) -> None:
        self.lose("turn/completed")
        asked = self.codex.ask(turn("think: one two"))
        self.wait(5)
        self.assertIsNone(asked.kind)
        self.wait(1)
        self.assertEqual((asked.kind, asked.reply.text), ("stop", "one two"))
        assert asked.reply.usage is not None
        self.assertFalse(asked.reply.usage.estimated)
        # The interrupt of a turn that is over is never answered.
        self.wait(CALL_SECONDS)
        self.assertGone()

    def test_one_that_only_pauses_is_not_taken_to_be_whole(self) -> None:
        asked = self.codex.ask(turn("stall: one two"))
        self.wait(20)
        self.assertIsNone(asked.kind)
        asked.leave()
        self.assertGone()

    def test_a_batch_is_complete_though_that_word_was_lost(self) -> None:
        self.lose("rawResponse/completed")
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        self.assertIsNone(asked.kind)
        self.wait(6)
        self.assertEqual((asked.kind, len(asked.reply.calls)), ("tool_calls", 1))
        resumed = self.codex.ask(answered(asked, "good"))
        self.wait(1)
        self.assertEqual((resumed.kind, resumed.reply.text), ("stop", "tool said: good"))
        self.assertGone()

    def test_a_failure_is_told_though_the_turns_last_word_was_lost(self) -> None:
        self.lose("turn/completed")
        asked = self.codex.ask(turn("fail: 500"))
        self.wait(6)
        self.assertEqual(asked.kind, "model_failed")
        self.wait(CALL_SECONDS)
        self.assertGone()


class EndTests(SessionTestCase):
    def test_answers_that_end_well_or_badly_leave_nothing(self) -> None:
        kinds = {
            "say: hi": "stop",
            "fail: 429": "rate_limited",
            "fail: 400": "invalid_prompt",
            "fail: context_length_exceeded": "context_length_exceeded",
            "incomplete: max_output_tokens one": "length",
            "incomplete: content_filter one": "content_filter",
            "cut: one": "stream_cut",
        }
        for script, kind in kinds.items():
            asked = self.codex.ask(turn(script))
            self.assertEqual(asked.kind, kind, script)
            self.assertGone()
        self.assertEqual(self.codex.figure("turn_interrupted"), 0)

    def test_a_limit_stops_the_model(self) -> None:
        self.codex.server.paced = True
        for sampling, kind in ((Sampling(stop=("three",)), "stop"), (Sampling(max_tokens=2), "length")):
            asked = self.codex.ask(turn("say: one two three four", sampling=sampling))
            while asked.kind is None:
                self.codex.process.proceed()
            self.assertEqual((asked.kind, asked.reply.text), (kind, "one two "[: len(asked.reply.text)]))
            self.assertGone()
        self.assertEqual((self.asked("turn/interrupt"), self.codex.figure("turn_interrupted")), (2, 2))

    def test_a_thread_that_the_child_closes_by_itself_is_a_lost_one(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        (thread,) = self.codex.server.threads
        self.codex.process.tell(jsonrpc.encode_notification("thread/closed", {"threadId": thread}))
        self.assertEqual(asked.kind, "child_died")

    def test_a_child_that_answers_nonsense_fails_the_answer(self) -> None:
        for method in ("thread/start", "turn/start"):
            codex = Codex.up(Path(self.mktemp()))
            codex.server.deaf = {method}
            asked = codex.ask(turn("say: hi"))
            place = [called for called, _ in codex.server.calls].index(method)
            codex.process.tell(jsonrpc.encode_reply(place + 1, {"thread": 3, "turn": []}))
            self.assertEqual(asked.kind, "model_failed", method)
