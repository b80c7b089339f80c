"""A worker routes every message of its child and answers every request."""

from collections.abc import Sequence
from pathlib import Path

from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.fixed_replies import METHOD_NOT_FOUND
from codexd.child.worker import Worker
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings
from codexd.wire import jsonrpc
from codexd.wire.json import Json
from tests.support.contexts import context
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.fake_process import ProcessBehaviour
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import TOOL, continued, turn


class WorkerTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.codex = InMemoryCodex.started(Path(self.mktemp()))

    @property
    def worker(self) -> Worker:
        return self.codex.pool.workers[0]

    def ask_back(self, method: str, params: Json) -> jsonrpc.RpcMessage | None:
        """Send a request as the child; return the reply it got."""
        line = self.codex.server.request(method, params)
        self.codex.process.write_lines(line)
        request = jsonrpc.decode(line)
        assert isinstance(request, jsonrpc.RpcRequest)
        return self.codex.server.replies.get(request.id)


class RequestTests(WorkerTestCase):
    def test_approvals_are_declined(self) -> None:
        thread = {"threadId": "thread-000001"}
        reply = self.ask_back("item/commandExecution/requestApproval", thread)
        assert isinstance(reply, jsonrpc.RpcResponse)
        self.assertEqual(reply.result, {"decision": "decline"})
        self.assertEqual(self.codex.metric("child_request_declined"), 1)

    def test_unknown_requests_get_an_error(self) -> None:
        for params in ({}, {"threadId": "thread-000001"}, {"threadId": 3}, {"threadId": ["a"]}):
            reply = self.ask_back("item/tool/requestUserInput", params)
            assert isinstance(reply, jsonrpc.RpcErrorResponse)
            self.assertEqual(reply.code, METHOD_NOT_FOUND)

    def test_a_tool_call_of_an_unknown_thread_gets_an_error(self) -> None:
        for id in ("thread-000001", "thread-999999", {"a": 1}, None):
            self.assertIsInstance(self.ask_back("item/tool/call", {"threadId": id}), jsonrpc.RpcErrorResponse)

    def test_a_malformed_tool_call_gets_an_error(self) -> None:
        asked = self.codex.ask(turn("hang:"))
        (thread,) = self.codex.server.threads
        self.assertIsInstance(self.ask_back("item/tool/call", {"threadId": thread}), jsonrpc.RpcErrorResponse)
        self.assertIsNone(asked.kind)


class MessageTests(WorkerTestCase):
    def assert_one_line(self, logged: Sequence[LogEvent], id: str) -> None:
        """Assert that one line was logged, which names the request and quotes nothing."""
        (event,) = logged
        self.assertEqual(event["id"], id)
        self.assertIn(f"Request {id}: ", formatEvent(event))
        self.assertNotIn("secret", formatEvent(event))

    def test_notifications_without_a_known_thread_are_ignored(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        before = list(asked.sink.events)
        delta = {"turnId": "turn-000002", "itemId": "msg", "delta": "not yours"}
        for params in ({}, {"threadId": "thread-other"}, {"threadId": []}, {"threadId": {"a": 1}}):
            self.codex.process.write_lines(jsonrpc.encode_notification("item/agentMessage/delta", {**delta, **params}))
        self.assertEqual(asked.sink.events, before)
        self.assertEqual(self.codex.metric("internal_error"), 0)

    def test_unknown_notifications_are_counted(self) -> None:
        for line in (b'{"method":"future/thing","params":{"threadId":"t"}}', b'{"method":"thread/closed"}'):
            self.codex.process.write_lines(line + b"\n")
        self.assertEqual(self.codex.metric("child_notification_ignored"), 1)

    def test_two_turns_at_once_get_their_own_events(self) -> None:
        self.codex.process.holds_output = True
        first, second = self.codex.begin(turn("say: one two")), self.codex.begin(turn("say: three"))
        self.codex.process.holds_output = False
        self.codex.process.deliver()
        self.codex.reactor.advance(0)
        self.assertEqual((first.reply.text, second.reply.text), ("one two", "three"))

    def test_the_events_of_one_chunk_are_settled_once(self) -> None:
        asked = self.codex.ask(turn("long: 100"))
        self.assertGreater(len(asked.sink.events), 100)
        self.assertEqual(asked.sink.settle_count, 1)
        self.assertEqual(asked.sink.settled, len(asked.sink.events))

    def test_a_sink_that_raises_in_settle_does_not_affect_the_others(self) -> None:
        first, second = self.codex.begin(turn("stall: one"), context("req_1")), self.codex.begin(turn("say: two"))

        def broken() -> None:
            raise ValueError("a secret")

        first.sink.on_settle = broken
        with capturedLogs() as logged:
            self.codex.reactor.advance(0)
        self.assert_one_line(logged, "req_1")
        self.assertEqual((second.kind, second.sink.settle_count), ("stop", 1))
        self.assertEqual(self.codex.metric("internal_error"), 1)
        self.assertEqual((self.worker.running_turns, self.codex.threads), (0, 1))

    def test_an_exception_in_the_translator_fails_its_turn_only(self) -> None:
        first, second = self.codex.ask(turn("stall: one"), context("req_1")), self.codex.ask(turn("stall: two"))

        def broken(message: object) -> None:
            raise ValueError("a secret")

        session = next(iter(self.worker._sessions_by_thread.values()))
        session.translator.receive = broken  # type: ignore[method-assign]
        delta = {
            "threadId": session.translator.thread_id,
            "turnId": "turn-000002",
            "itemId": "m",
            "delta": "more",
        }
        with capturedLogs() as logged:
            self.codex.process.write_lines(jsonrpc.encode_notification("item/agentMessage/delta", delta))
        self.assert_one_line(logged, "req_1")
        self.assertEqual((first.kind, second.kind), ("internal", None))
        self.assertEqual(self.codex.metric("internal_error"), 1)
        self.assertEqual(self.worker.running_turns, 1)


class LostChildTests(WorkerTestCase):
    def test_every_turn_of_a_lost_child_fails_once(self) -> None:
        self.codex.server.stepwise = True
        running = self.codex.ask(turn("stall: one"))
        self.codex.process.proceed(2)
        started = self.codex.ask(turn("say: hi"))
        self.codex.process.holds_output = True
        injecting = self.codex.begin(turn("say: hi"))
        self.codex.process.deliver()
        opening = self.codex.begin(turn("say: hi"))
        self.codex.process.exit(signal=9)
        answers = (running, started, injecting, opening)
        self.assertEqual([asked.kind for asked in answers], ["child_died"] * 4)
        self.assertEqual([asked.sink.settled for asked in answers], [4, 1, 1, 1])
        self.assertEqual((self.worker.running_turns, len(self.worker._sessions)), (0, 0))
        self.codex.reactor.advance(60)

    def test_the_oldest_of_several_turns_fails_first(self) -> None:
        order: list[int] = []
        for number in range(8):
            asked = self.codex.ask(turn("stall: one"))
            asked.sink.on_settle = lambda number=number: order.append(number)  # type: ignore[misc]
        self.codex.process.exit(1)
        self.assertEqual(order, list(range(8)))

    def test_suspended_and_idle_threads_are_lost_with_the_child(self) -> None:
        warm = self.codex.ask(turn("say: hi"))
        self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        self.assertEqual((self.codex.metric("threads_idle"), self.codex.metric("turns_suspended")), (1, 1))
        self.codex.process.exit(1)
        self.assertEqual((self.codex.metric("threads_idle"), self.codex.metric("turns_suspended")), (0, 0))
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.ask(continued(warm, "say: again")).reply.text, "again")
        self.assertEqual(self.codex.metric("affinity_hit"), 0)

    def test_an_exit_is_counted_unless_it_was_requested(self) -> None:
        self.codex.process.exit(1)
        self.assertEqual(self.codex.metric("child_exited"), 1)
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.metric("child_started"), 2)
        stopped = self.codex.children.stopService()
        self.codex.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.codex.metric("child_exited"), 1)

    def test_late_output_of_an_old_child_is_ignored(self) -> None:
        self.codex.process.holds_output = True
        old = self.codex.process
        self.codex.begin(turn("say: hi"))
        old.exit(1)
        self.codex.reactor.advance(1)
        self.assertTrue(self.worker.ready)
        old._protocol.childDataReceived(1, b"".join(old.outbox))
        self.assertEqual(self.codex.ask(turn("say: hello")).reply.text, "hello")

    def test_an_exit_during_the_handshake_is_not_counted(self) -> None:
        self.codex.reactor.holds_output = True
        self.codex.process.exit(1)
        self.codex.reactor.advance(0.5)
        self.codex.process.exit(1)
        self.assertEqual(self.codex.metric("child_exited"), 1)
        self.assertFalse(self.codex.backend.ready())


class StderrTests(WorkerTestCase):
    def test_stderr_is_redacted_from_the_first_turn_of_each_child(self) -> None:
        self.assertFalse(self.worker._stderr_log._redacting)
        self.codex.ask(turn("say: hi"))
        self.assertTrue(self.worker._stderr_log._redacting)
        self.codex.process.exit(1)
        self.codex.reactor.advance(1)
        self.assertFalse(self.worker._stderr_log._redacting)

    def test_stderr_is_not_redacted_if_the_setting_says_so(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()), Settings(codex=CodexSettings(log_stderr=True)))
        codex.ask(turn("say: hi"))
        self.assertFalse(codex.pool.workers[0]._stderr_log._redacting)


class PauseTests(WorkerTestCase):
    def test_a_slow_client_pauses_and_resumes_the_child(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        for _ in range(2):
            asked.handle.pause()
        self.assertTrue(self.codex.process.paused)
        for _ in range(2):
            asked.handle.resume()
        self.assertFalse(self.codex.process.paused)

    def test_it_is_paused_until_the_last_slow_client_resumes(self) -> None:
        first, second = self.codex.ask(turn("stall: one")), self.codex.ask(turn("stall: two"))
        first.handle.pause()
        second.handle.pause()
        first.handle.resume()
        self.assertTrue(self.codex.process.paused)
        second.cancel()
        self.assertFalse(self.codex.process.paused)

    def test_a_turn_that_is_over_pauses_nothing(self) -> None:
        asked = self.codex.ask(turn("say: one"))
        asked.handle.pause()
        self.assertFalse(self.codex.process.paused)

    def test_the_exit_of_a_paused_child_is_noticed(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        asked.handle.pause()
        self.codex.process.exit(1)
        self.assertEqual(asked.kind, "child_died")
        self.codex.reactor.advance(1)
        self.assertEqual(self.codex.ask(turn("say: hi")).kind, "stop")

    def test_a_turn_that_missed_its_deadline_resumes_the_child(self) -> None:
        asked = self.codex.ask(turn("stall: one"))
        asked.handle.pause()
        self.codex.reactor.pump([1.0] * 302)
        self.assertEqual(asked.kind, "idle_timeout")
        self.assertFalse(self.codex.process.paused)


class SlowChildTests(SynchronousTestCase):
    def test_a_child_whose_handshake_is_late_is_killed(self) -> None:
        codex = InMemoryCodex(state=Path(self.mktemp()))
        codex.reactor.holds_output = True
        codex.start()
        codex.reactor.advance(15)
        self.assertEqual(codex.process.signals, ["KILL"])

    def test_a_child_that_ignores_term_is_killed(self) -> None:
        codex = InMemoryCodex(state=Path(self.mktemp()))
        codex.reactor.behaviour = ProcessBehaviour(ignores_term=True)
        codex.start()
        stopped = codex.children.stopService()
        self.assertNoResult(stopped)
        codex.reactor.advance(5)
        codex.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(codex.process.signals, ["TERM", "KILL"])

    def test_the_order_of_the_childs_messages_does_not_matter(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()))
        for behaviour in (AppServerBehaviour(), AppServerBehaviour(starts_first=True)):
            codex.server.behaviour = behaviour
            self.assertEqual(codex.ask(turn("say: hi")).reply.text, "hi")
