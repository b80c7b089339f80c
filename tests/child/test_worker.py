"""One child and its threads: every message finds its way, every request of the child's is answered."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.requests import UNKNOWN_METHOD
from codexd.child.worker import Worker
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings
from codexd.wire import jsonrpc
from codexd.wire.json import Json
from tests.support.appserver_thread import Habits
from tests.support.codex import Codex
from tests.support.listener import TOOL, after, turn
from tests.support.process import Temper


class WorkerTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.codex = Codex.up(Path(self.mktemp()))

    @property
    def worker(self) -> Worker:
        return self.codex.children._pools["plain"].workers[0]

    def ask_back(self, method: str, params: Json) -> jsonrpc.Message | None:
        """Have the child ask for something; give what it was answered."""
        line = self.codex.server.request(method, params)
        self.codex.process.tell(line)
        request = jsonrpc.decode(line)
        assert isinstance(request, jsonrpc.Request)
        return self.codex.server.replies.get(request.id)


class RequestTests(WorkerTestCase):
    def test_approvals_are_declined_since_nobody_is_there(self) -> None:
        thread = {"threadId": "thread-000001"}
        reply = self.ask_back("item/commandExecution/requestApproval", thread)
        assert isinstance(reply, jsonrpc.Reply)
        self.assertEqual(reply.result, {"decision": "decline"})
        self.assertEqual(self.codex.figure("child_request_declined"), 1)

    def test_what_is_not_known_is_refused(self) -> None:
        for params in ({}, {"threadId": "thread-000001"}, {"threadId": 3}, {"threadId": ["a"]}):
            reply = self.ask_back("item/tool/requestUserInput", params)
            assert isinstance(reply, jsonrpc.ErrorReply)
            self.assertEqual(reply.code, UNKNOWN_METHOD)

    def test_a_tool_call_of_a_thread_that_is_gone_is_refused(self) -> None:
        for id in ("thread-000001", "thread-999999", {"a": 1}, None):
            self.assertIsInstance(self.ask_back("item/tool/call", {"threadId": id}), jsonrpc.ErrorReply)

    def test_a_tool_call_that_cannot_be_read_is_refused(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        (thread,) = self.codex.server.threads
        self.assertIsInstance(self.ask_back("item/tool/call", {"threadId": thread}), jsonrpc.ErrorReply)
        self.assertIsNone(asked.kind)


class MessageTests(WorkerTestCase):
    def test_notifications_of_no_thread_or_of_another_are_nothing(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        before = list(asked.listener.events)
        delta = {"turnId": "turn-000002", "itemId": "msg", "delta": "not yours"}
        for params in ({}, {"threadId": "thread-other"}, {"threadId": []}, {"threadId": {"a": 1}}):
            self.codex.process.tell(
                jsonrpc.encode_notification("item/agentMessage/delta", {**delta, **params})
            )
        self.assertEqual(asked.listener.events, before)
        self.assertEqual(self.codex.figure("internal_error"), 0)

    def test_notifications_that_nobody_here_knows_are_counted(self) -> None:
        for line in (b'{"method":"future/thing","params":{"threadId":"t"}}', b'{"method":"thread/closed"}'):
            self.codex.process.tell(line + b"\n")
        self.assertEqual(self.codex.figure("child_notification_ignored"), 1)

    def test_two_answers_at_once_get_each_their_own(self) -> None:
        self.codex.process.held = True
        first, second = self.codex.begin(turn("say: one two")), self.codex.begin(turn("say: three"))
        self.codex.process.held = False
        self.codex.process.deliver()
        self.codex.reactor.advance(0)
        self.assertEqual((first.reply.text, second.reply.text), ("one two", "three"))

    def test_what_comes_in_one_piece_is_flushed_once(self) -> None:
        asked = self.codex.ask(turn("long: 100"))
        self.assertGreater(len(asked.listener.events), 100)
        self.assertEqual(asked.listener.flushes, 1)
        self.assertEqual(asked.listener.flushed, len(asked.listener.events))

    def test_a_sink_that_breaks_when_it_is_flushed_costs_the_others_nothing(self) -> None:
        first, second = self.codex.begin(turn("stall: one")), self.codex.begin(turn("say: two"))

        def broken() -> None:
            raise ValueError("a secret")

        first.listener.on_flush = broken
        self.codex.reactor.advance(0)
        self.assertEqual((second.kind, second.listener.flushes), ("stop", 1))
        self.assertEqual(self.codex.figure("internal_error"), 1)
        self.assertEqual((self.worker.running, self.codex.threads), (0, 1))

    def test_a_message_that_breaks_something_costs_its_answer_only(self) -> None:
        first, second = self.codex.ask(turn("stall: one")), self.codex.ask(turn("stall: two"))

        def broken(message: object) -> None:
            raise ValueError("a secret")

        session = next(iter(self.worker._located.values()))
        session.thread.receive = broken  # type: ignore[assignment]
        delta = {"threadId": session.thread.id, "turnId": "turn-000002", "itemId": "m", "delta": "more"}
        self.codex.process.tell(jsonrpc.encode_notification("item/agentMessage/delta", delta))
        self.assertEqual((first.kind, second.kind), ("internal", None))
        self.assertEqual(self.codex.figure("internal_error"), 1)
        self.assertEqual(self.worker.running, 1)


class LostChildTests(WorkerTestCase):
    def test_every_answer_of_a_lost_child_fails_once_whatever_it_was_doing(self) -> None:
        self.codex.server.paced = True
        running = self.codex.ask(turn("stall: one"))
        self.codex.process.proceed(2)
        started = self.codex.ask(turn("say: hi"))
        self.codex.process.held = True
        injecting = self.codex.begin(turn("say: hi"))
        self.codex.process.deliver()
        opening = self.codex.begin(turn("say: hi"))
        self.codex.process.exit(signal=9)
        answers = (running, started, injecting, opening)
        self.assertEqual([asked.kind for asked in answers], ["child_died"] * 4)
        self.assertEqual([asked.listener.flushed for asked in answers], [4, 1, 1, 1])
        self.assertEqual((self.worker.running, len(self.worker._sessions)), (0, 0))
        self.codex.reactor.advance(60)

    def test_the_eldest_of_several_answers_fails_first(self) -> None:
        told: list[int] = []
        for number in range(8):
            asked = self.codex.ask(turn("stall: one"))
            asked.listener.on_flush = lambda number=number: told.append(number)  # type: ignore[misc]
        self.codex.process.exit(1)
        self.assertEqual(told, list(range(8)))

    def test_kept_threads_are_gone_with_it(self) -> None:
        warm = self.codex.ask(turn("say: hi"))
        self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        self.assertEqual((self.codex.figure("threads_warm"), self.codex.figure("turns_waiting")), (1, 1))
        self.codex.process.exit(1)
        self.assertEqual((self.codex.figure("threads_warm"), self.codex.figure("turns_waiting")), (0, 0))
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.ask(after(warm, "say: again")).reply.text, "again")
        self.assertEqual(self.codex.figure("affinity_hit"), 0)

    def test_its_end_is_counted_unless_it_was_asked_to_end(self) -> None:
        self.codex.process.exit(1)
        self.assertEqual(self.codex.figure("child_ended"), 1)
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.figure("child_started"), 2)
        stopped = self.codex.children.stopService()
        self.codex.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.codex.figure("child_ended"), 1)

    def test_what_it_wrote_before_it_went_is_not_taken_for_its_successors(self) -> None:
        self.codex.process.held = True
        old = self.codex.process
        self.codex.begin(turn("say: hi"))
        old.exit(1)
        self.codex.reactor.advance(1)
        self.assertTrue(self.worker.ready)
        old._protocol.childDataReceived(1, b"".join(old.outbox))
        self.assertEqual(self.codex.ask(turn("say: hello")).reply.text, "hello")

    def test_one_that_dies_while_it_shakes_hands_is_no_end_that_anybody_is_told(self) -> None:
        self.codex.reactor.held = True
        self.codex.process.exit(1)
        self.codex.reactor.advance(0.5)
        self.codex.process.exit(1)
        self.assertEqual(self.codex.figure("child_ended"), 1)
        self.assertFalse(self.codex.backend.ready())


class ComplaintTests(WorkerTestCase):
    def test_a_fresh_child_may_speak_freely_until_it_has_a_turn(self) -> None:
        self.assertFalse(self.worker._complaints._private)
        self.codex.ask(turn("say: hi"))
        self.assertTrue(self.worker._complaints._private)
        self.codex.process.exit(1)
        self.codex.reactor.advance(1)
        self.assertFalse(self.worker._complaints._private)

    def test_whoever_logs_all_keeps_on(self) -> None:
        codex = Codex.up(Path(self.mktemp()), Settings(codex=CodexSettings(log_stderr=True)))
        codex.ask(turn("say: hi"))
        self.assertFalse(codex.children._pools["plain"].workers[0]._complaints._private)


class HoldTests(WorkerTestCase):
    def test_a_slow_reader_holds_the_child_and_lets_it_go(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        for _ in range(2):
            asked.handle.hold()
        self.assertTrue(self.codex.process.paused)
        for _ in range(2):
            asked.handle.release()
        self.assertFalse(self.codex.process.paused)

    def test_it_is_held_until_the_last_slow_reader_lets_go(self) -> None:
        first, second = self.codex.ask(turn("stall: one")), self.codex.ask(turn("stall: two"))
        first.handle.hold()
        second.handle.hold()
        first.handle.release()
        self.assertTrue(self.codex.process.paused)
        second.leave()
        self.assertFalse(self.codex.process.paused)

    def test_an_answer_that_is_over_holds_nothing(self) -> None:
        asked = self.codex.ask(turn("say: one"))
        asked.handle.hold()
        self.assertFalse(self.codex.process.paused)

    def test_a_child_that_dies_while_it_is_held_is_seen_to_die(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        asked.handle.hold()
        self.codex.process.exit(1)
        self.assertEqual(asked.kind, "child_died")
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_an_answer_that_failed_by_the_clock_holds_no_more(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        asked.handle.hold()
        self.codex.reactor.pump([1.0] * 302)
        self.assertEqual(asked.kind, "idle")
        self.assertFalse(self.codex.process.paused)


class StubbornTests(SynchronousTestCase):
    def test_a_child_that_does_not_shake_hands_in_time_is_killed(self) -> None:
        codex = Codex(Path(self.mktemp()))
        codex.reactor.held = True
        codex.start()
        codex.reactor.advance(15)
        self.assertEqual(codex.process.signals, ["KILL"])

    def test_a_child_that_ignores_term_is_killed(self) -> None:
        codex = Codex(Path(self.mktemp()))
        codex.reactor.temper = Temper(ignores_term=True)
        codex.start()
        stopped = codex.children.stopService()
        self.assertNoResult(stopped)
        codex.reactor.advance(5)
        codex.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(codex.process.signals, ["TERM", "KILL"])

    def test_every_habit_of_the_childs_gives_the_same_answer(self) -> None:
        codex = Codex.up(Path(self.mktemp()))
        for habits in (Habits(), Habits(starts_first=True)):
            codex.server.habits = habits
            self.assertEqual(codex.ask(turn("say: hi")).reply.text, "hi")
