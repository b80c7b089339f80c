"""Sessions: deadlines, lost events, ends; nothing is left in codexd or in the child."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestContext
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import Sampling
from codexd.settings import Codex, Settings, Turns
from codexd.wire import jsonrpc
from tests.support.contexts import context
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import TOOL, continued, turn, with_results

TURNS = Turns(first_event_seconds=20, idle_seconds=30, total_seconds=100, affinity=False, retries=0)
CALL_SECONDS = 30


class SessionTestCase(SynchronousTestCase):
    turns = TURNS

    def setUp(self) -> None:
        settings = Settings(codex=Codex(hang_seconds=1000), turns=self.turns)
        self.codex = InMemoryCodex.started(Path(self.mktemp()), settings)

    def wait(self, seconds: int) -> None:
        self.codex.reactor.pump([1.0] * seconds)

    def calls(self, method: str) -> int:
        """Return how many calls of a method the child has received."""
        return len(self.codex.server.calls_to(method))

    def assertNothingLeft(self) -> None:
        """Assert that no turn runs and no thread is loaded, in codexd and in the child."""
        self.codex.reactor.advance(0)
        (worker,) = self.codex.pool.workers
        self.assertEqual((worker.running_turns, len(worker._sessions), len(worker._sessions_by_thread)), (0, 0, 0))
        self.assertEqual((self.codex.threads, len(self.codex.server.turns)), (0, 0))


class DeadlineTests(SessionTestCase):
    def test_a_model_that_does_not_begin_is_interrupted(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        self.wait(20)
        self.assertIsNone(asked.kind)
        self.wait(1)
        self.assertEqual(asked.kind, "no_first_event")
        self.assertEqual(self.codex.metric("watchdog_no_first_event"), 1)
        self.assertEqual((self.calls("turn/interrupt"), self.codex.metric("turn_interrupted")), (1, 1))
        self.assertNothingLeft()

    def test_reconnecting_extends_no_deadline(self) -> None:
        for script, kind, seconds in (("hang:", "no_first_event", 21), ("stall: one", "idle_timeout", 31)):
            asked = self.codex.ask(turn(script))
            ((thread, under_way),) = self.codex.server.turns.items()
            error = {"error": {"message": "Reconnecting... 1/5"}, "willRetry": True}
            line = jsonrpc.encode_notification("error", {"threadId": thread, "turnId": under_way.id, **error})
            for _ in range(seconds):
                self.assertIsNone(asked.kind)
                self.codex.process.write_lines(line)
                self.wait(1)
            self.assertEqual(asked.kind, kind)
            self.assertNothingLeft()

    def test_a_model_that_stops_in_the_middle_is_interrupted(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        self.wait(30)
        self.assertIsNone(asked.kind)
        self.wait(1)
        self.assertEqual((asked.kind, asked.reply.text), ("idle_timeout", "one"))
        self.assertEqual(self.codex.metric("watchdog_idle_timeout"), 1)
        self.assertNothingLeft()

    def test_a_model_that_never_ends_is_interrupted(self) -> None:
        self.codex.server.stepwise = True
        asked = self.codex.ask(turn("long: 1000"))
        for _ in range(101):
            self.assertIsNone(asked.kind)
            self.codex.process.proceed()
            self.wait(1)
        self.assertEqual(asked.kind, "too_long")
        self.assertEqual(self.codex.metric("watchdog_too_long"), 1)
        self.assertNothingLeft()

    def test_a_turn_whose_thread_is_not_started_fails(self) -> None:
        for method in ("thread/start", "turn/start"):
            self.codex.server.ignored_methods = {method}
            asked = self.codex.ask(turn("say: hi"))
            self.wait(21)
            self.assertEqual(asked.kind, "no_first_event")
            self.codex.server.ignored_methods = set()
            self.wait(CALL_SECONDS)
            self.assertNothingLeft()

    def test_threads_and_turns_that_start_too_late_are_ended(self) -> None:
        for script, read in (("say: hi", 0), ("hang:", 1)):
            self.codex.process.holds_output = True
            asked = self.codex.begin(turn(script))
            self.codex.process.deliver(read)
            self.wait(CALL_SECONDS + 1)
            self.assertEqual(asked.kind, "no_first_event")
            self.codex.process.holds_output = False
            self.codex.process.deliver()
            self.codex.reactor.advance(0)
            self.assertNothingLeft()

    def test_a_call_that_is_not_answered_fails_its_turn(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()))
        codex.server.ignored_methods = {"turn/start"}
        asked = codex.ask(turn("say: hi"))
        codex.reactor.pump([1.0] * (CALL_SECONDS + 1))
        self.assertEqual((asked.kind, codex.metric("child_call_timeout")), ("child_hung", 1))
        self.assertEqual(codex.threads, 0)


class LostEventTests(SessionTestCase):
    def lose(self, *methods: str) -> None:
        self.codex.server.behaviour = AppServerBehaviour(loses=frozenset(methods))

    def test_a_response_is_completed_without_turn_completed(self) -> None:
        self.lose("turn/completed")
        asked = self.codex.ask(turn("think: one two"))
        self.wait(5)
        self.assertIsNone(asked.kind)
        self.wait(1)
        self.assertEqual((asked.kind, asked.reply.text), ("stop", "one two"))
        assert asked.reply.usage is not None
        self.assertFalse(asked.reply.usage.estimated)
        # The child never answers the interrupt of a turn that is over.
        self.wait(CALL_SECONDS)
        self.assertNothingLeft()

    def test_a_response_that_only_pauses_is_not_completed(self) -> None:
        asked = self.codex.ask(turn("stall: one two"))
        self.wait(20)
        self.assertIsNone(asked.kind)
        asked.cancel()
        self.assertNothingLeft()

    def test_a_batch_of_calls_is_completed_without_rawResponse_completed(self) -> None:
        self.lose("rawResponse/completed")
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        self.assertIsNone(asked.kind)
        self.wait(6)
        self.assertEqual((asked.kind, len(asked.reply.calls)), ("tool_calls", 1))
        resumed = self.codex.ask(with_results(asked, "good"))
        self.wait(1)
        self.assertEqual((resumed.kind, resumed.reply.text), ("stop", "tool said: good"))
        self.assertNothingLeft()

    def test_a_failure_is_reported_without_turn_completed(self) -> None:
        self.lose("turn/completed")
        asked = self.codex.ask(turn("fail: 500"))
        self.wait(6)
        self.assertEqual(asked.kind, "model_failed")
        self.wait(CALL_SECONDS)
        self.assertNothingLeft()


class EndTests(SessionTestCase):
    def test_no_end_of_a_turn_leaves_anything(self) -> None:
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
            self.assertNothingLeft()
        self.assertEqual(self.codex.metric("turn_interrupted"), 0)

    def test_a_limit_interrupts_the_model(self) -> None:
        self.codex.server.stepwise = True
        for sampling, kind in ((Sampling(stop=("three",)), "stop"), (Sampling(max_tokens=2), "length")):
            asked = self.codex.ask(turn("say: one two three four", sampling=sampling))
            while asked.kind is None:
                self.codex.process.proceed()
            self.assertEqual((asked.kind, asked.reply.text), (kind, "one two "[: len(asked.reply.text)]))
            self.assertNothingLeft()
        self.assertEqual((self.calls("turn/interrupt"), self.codex.metric("turn_interrupted")), (2, 2))

    def test_a_thread_that_the_child_closes_fails_its_turn(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        (thread,) = self.codex.server.threads
        self.codex.process.write_lines(jsonrpc.encode_notification("thread/closed", {"threadId": thread}))
        self.assertEqual(asked.kind, "child_died")

    def test_a_result_of_another_shape_fails_the_turn(self) -> None:
        for method in ("thread/start", "turn/start"):
            codex = InMemoryCodex.started(Path(self.mktemp()))
            codex.server.ignored_methods = {method}
            asked = codex.ask(turn("say: hi"))
            place = [called for called, _ in codex.server.calls].index(method)
            codex.process.write_lines(jsonrpc.encode_response(place + 1, {"thread": 3, "turn": []}))
            self.assertEqual(asked.kind, "model_failed", method)


class RecordTests(SessionTestCase):
    turns = Turns(retries=0)

    def named(self, asked: RequestContext) -> tuple[str, str, str]:
        """Return what a request's record says of its back end."""
        record = asked.record
        return record.backend, record.worker, record.thread

    def test_a_new_thread_is_named_once_the_child_has_started_it(self) -> None:
        self.codex.process.holds_output = True
        asked = context()
        self.codex.begin(turn("say: hi"), asked)
        self.assertEqual(self.named(asked), ("codex", "plain-0", ""))
        self.codex.process.holds_output = False
        self.codex.process.deliver()
        self.codex.reactor.advance(0)
        self.assertRegex(asked.record.thread, "^thread-")

    def test_a_request_that_continues_a_thread_names_it_at_once(self) -> None:
        first, second = context(), context()
        begun = self.codex.ask(turn("say: hi"), first)
        self.codex.process.holds_output = True
        self.codex.begin(continued(begun, "say: more"), second)
        self.assertEqual(self.named(second), self.named(first))

    def test_a_request_that_was_given_up_is_not_told_of_a_thread_that_starts_later(self) -> None:
        self.codex.process.holds_output = True
        asked = context()
        self.codex.begin(turn("say: hi"), asked).cancel()
        asked.record.set_backend("up")
        self.codex.process.holds_output = False
        self.codex.process.deliver()
        self.codex.reactor.advance(0)
        self.assertEqual(self.named(asked), ("up", "", ""))

    def test_a_refusal_names_the_back_end(self) -> None:
        self.codex.process.exit(1)
        asked = context()
        self.assertRaises(FaultError, self.codex.begin, turn("say: hi"), asked)
        self.assertEqual(self.named(asked), ("codex", "", ""))
