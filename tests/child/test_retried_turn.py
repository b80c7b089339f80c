"""Turns that are started again after a failure before their first event, over the whole back end."""

from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import ITurnHandle
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import Turn
from codexd.settings import Codex, ModelAlias, Models, Settings, Turns
from codexd.wire import jsonrpc
from codexd.wire.json import Json
from tests.support.contexts import context, metered_context
from tests.support.fake_app_server import FakeAppServer
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import TOOL, StartedTurn, turn, with_results

AGENT = ModelAlias(name="helper", model="scripted", profile="agent", workspace="/srv/space", sandbox="read-only")
RETRIED = "turn_retried"


class RetryTestCase(SynchronousTestCase):
    settings = Settings(codex=Codex(hang_seconds=4), turns=Turns(affinity=False))

    def setUp(self) -> None:
        self.codex = InMemoryCodex.started(Path(self.mktemp()), self.settings)
        self.codex.reactor.make_server = lambda: FakeAppServer()

    def ask(self, request: Turn) -> StartedTurn:
        return self.codex.ask(request)

    def wait(self, seconds: float) -> None:
        self.codex.reactor.pump([0.25] * int(seconds * 4))

    def kill(self) -> None:
        self.codex.process.exit(1)

    def plain_child_killed(self, script: str = "hang:", **options: object) -> StartedTurn:
        """Ask, and kill the child before the first event."""
        asked = self.ask(turn(script, **options))
        self.kill()
        return asked


class ChildEndTests(RetryTestCase):
    def test_a_turn_whose_child_dies_is_answered_by_the_next_child(self) -> None:
        self.codex.server.stepwise = True
        request = context()
        asked = self.codex.ask(turn("say: hi"), request)
        verifyObject(ITurnHandle, asked.handle)
        self.kill()
        self.assertEqual(asked.sink.events, [])
        self.wait(2)
        self.assertEqual((asked.kind, asked.reply.text), ("stop", "hi"))
        self.assertEqual((self.codex.metric(RETRIED), request.record.retries), (1, 1))

    def test_a_body_that_ends_children_ends_two(self) -> None:
        asked = self.plain_child_killed()
        self.wait(2)
        self.assertIsNone(asked.kind)
        self.kill()
        self.assertEqual(asked.kind, "child_died")
        self.wait(5)
        self.assertEqual((len(self.codex.reactor.children), self.codex.metric(RETRIED)), (3, 1))

    def test_a_child_that_hangs_is_replaced_for_its_turns(self) -> None:
        self.codex.process.holds_output = True
        asked = self.ask(turn("say: hi"))
        self.wait(12)
        self.assertEqual((asked.kind, self.codex.metric("child_hung"), self.codex.metric(RETRIED)), ("stop", 1, 1))
        found = {(one.hangs, one.restarts) for one in self.codex.children.workers}
        self.assertIn((1, 1), found)

    def test_the_usage_of_an_attempt_that_failed_is_counted(self) -> None:
        request, charge, meter = metered_context()
        asked = self.codex.begin(turn("hang:"), request)
        self.codex.reactor.advance(0)
        self.assertTrue(charge.sent)
        ((thread, under_way),) = self.codex.server.turns.items()
        counts = ("inputTokens", "cachedInputTokens", "cacheWriteInputTokens", "outputTokens", "reasoningOutputTokens")
        usage = dict.fromkeys(counts, 3) | {"totalTokens": 6}
        params = {"threadId": thread, "turnId": under_way.id, "responseId": "r", "usage": usage}
        self.codex.process.write_lines(jsonrpc.encode_notification("rawResponse/completed", params))
        self.kill()
        self.assertEqual((asked.sink.events, request.record.tokens()["input"]), ([], 3))
        self.assertEqual((charge.sent, meter.budgets[0].spent), (False, 6))

    def test_a_turn_that_has_begun_is_not_started_again(self) -> None:
        asked = self.plain_child_killed("stall: one")
        self.assertEqual((asked.kind, asked.reply.text), ("child_died", "one"))
        self.wait(5)
        self.assertEqual(self.codex.metric(RETRIED), 0)

    def test_tool_results_of_a_suspended_turn_are_replayed(self) -> None:
        asked = self.ask(turn("call: f {}", tools=(TOOL,)))
        self.codex.process.holds_output = True
        answered = self.ask(with_results(asked, "sea"))
        self.kill()
        self.wait(2)
        self.assertEqual((answered.kind, answered.reply.text), ("stop", "tool said: sea"))
        self.assertEqual((self.codex.metric("turn_resumed"), self.codex.metric("turn_replayed")), (1, 1))


class AgentTests(RetryTestCase):
    settings = Settings(models=Models(alias=(AGENT,)))

    def test_an_agents_turn_is_not_started_again(self) -> None:
        asked = self.plain_child_killed(model="helper")
        self.assertEqual(asked.kind, "child_died")

    def test_an_agents_turn_waits_for_a_child_that_restarts(self) -> None:
        self.kill()
        asked = self.ask(turn("say: hi", model="helper"))
        self.wait(2)
        self.assertEqual(asked.kind, "stop")


class WaitingTests(RetryTestCase):
    def test_a_request_waits_for_a_child_that_restarts(self) -> None:
        self.kill()
        request, charge, _ = metered_context()
        asked = self.codex.ask(turn("say: hi"), request)
        self.assertEqual((asked.kind, charge.sent), (None, False))
        self.wait(1)
        self.assertEqual((asked.kind, charge.sent), ("stop", True))

    def test_a_cancelled_turn_is_not_started_again(self) -> None:
        asked = self.plain_child_killed()
        asked.cancel()
        self.wait(5)
        self.assertEqual((self.codex.metric(RETRIED), self.codex.server.calls_to("turn/start")), (0, []))
        self.assertEqual(self.codex.backend.waiting, set())

    def test_a_paused_turn_is_paused_again(self) -> None:
        asked = self.plain_child_killed("say: hi")
        asked = self.plain_child_killed() if asked.kind else asked
        asked.handle.pause()
        self.wait(2)
        self.assertTrue(self.codex.process.paused)
        asked.handle.resume()
        self.assertFalse(self.codex.process.paused)

    def test_the_deadline_of_the_request_ends_the_wait(self) -> None:
        request = context(deadline=self.codex.reactor.seconds() + 0.4)
        asked = self.codex.begin(turn("hang:"), request)
        self.codex.reactor.advance(0)
        self.kill()
        self.assertEqual(asked.kind, "child_died")

    def test_a_drain_ends_the_wait_and_starts_nothing_again(self) -> None:
        waiting = self.plain_child_killed()
        self.codex.children.drain()
        self.assertEqual(waiting.kind, "child_died")
        self.wait(2)
        asked = self.plain_child_killed()
        self.assertEqual(asked.kind, "child_died")

    def test_turns_are_retried_after_another_start(self) -> None:
        self.codex.children.stopService()
        self.codex.reactor.advance(1)
        self.codex.start()
        self.codex.reactor.pump([0.5] * 4)
        self.codex.server.stepwise = True
        asked = self.ask(turn("say: hi"))
        self.kill()
        self.wait(2)
        self.assertEqual(asked.kind, "stop")

    def test_nothing_is_left_after_the_children_have_stopped(self) -> None:
        asked = self.plain_child_killed()
        self.codex.children.stopService()
        self.wait(10)
        self.assertEqual((asked.kind, self.codex.reactor.getDelayedCalls()), ("child_died", []))

    def test_an_unexpected_exception_fails_the_turn(self) -> None:
        asked = self.plain_child_killed()
        self.patch(self.codex.backend, "_open_thread", lambda *_: 1 // 0)
        self.wait(2)
        self.assertEqual((asked.kind, self.codex.metric("internal_error")), ("internal", 1))


class ProviderTests(RetryTestCase):
    def fail(self, kind: str, times: int) -> None:  # type: ignore[override]
        """Have the model fail this many times, then answer."""
        left = iter([f"fail: {kind}"] * times)
        model = self.codex.server._model

        def answer(body: Json) -> Json:
            script = next(left, "say: hi")
            text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": script}]}
            return model({**body, "input": [text]})

        self.codex.server._model = answer

    def test_an_overload_is_retried_with_growing_delays(self) -> None:
        self.fail("503", 2)
        asked = self.ask(turn("?"))
        self.wait(0.25)
        self.assertEqual(len(self.codex.server.model_requests), 1)
        self.wait(0.25)
        self.assertEqual(len(self.codex.server.model_requests), 2)
        self.wait(1)
        self.assertEqual((asked.kind, asked.reply.text, self.codex.metric(RETRIED)), ("stop", "hi", 2))

    def test_after_the_last_retry_the_failure_is_passed_on_once(self) -> None:
        self.fail("500", 9)
        asked = self.ask(turn("?"))
        self.wait(5)
        self.assertEqual((asked.kind, len(self.codex.server.model_requests)), ("model_failed", 3))
        self.assertEqual(len(asked.sink.events), 1)

    def test_a_rejected_request_is_not_retried(self) -> None:
        for kind in ("400", "401", "429", "insufficient_quota"):
            self.assertIsNotNone(self.ask(turn(f"fail: {kind}")).kind)
        self.assertEqual(self.codex.metric(RETRIED), 0)


class CircuitTests(RetryTestCase):
    settings = Settings(
        codex=Codex(breaker_failures=2, breaker_seconds=10, unreachable_seconds=6), turns=Turns(retries=0)
    )

    def outage(self) -> StartedTurn:
        """Run a turn whose child cannot connect."""
        asked = self.ask(turn("hang:"))
        ((thread, under_way),) = self.codex.server.turns.items()
        error = {
            "message": "Reconnecting... waiting for network",
            "codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": None}},
            "additionalDetails": "Connection failed: error sending request",
        }
        params = {"threadId": thread, "turnId": under_way.id, "error": error, "willRetry": True}
        self.codex.process.write_lines(jsonrpc.encode_notification("error", params))
        self.wait(8)
        return asked

    def refusal(self, principal: str = "me") -> str | None:
        try:
            return self.codex.ask(turn("say: hi"), context(principal=principal)).kind
        except FaultError as refused:
            return refused.fault.kind

    def test_one_outage_opens_the_circuit_for_all_and_a_probe_closes_it(self) -> None:
        with capturedLogs() as logged:
            self.assertEqual(self.outage().kind, "unreachable")
        (opened,) = (event for event in logged if event.get("event") == "circuit_opened")
        self.assertEqual((opened["reason"], opened["provider"]), ("connect", "the scripted model"))
        self.assertEqual(self.codex.metric("watchdog_unreachable"), 1)
        self.assertEqual((self.codex.server.turns, self.codex.pool.workers[0].running_turns), ({}, 0))
        self.assertEqual([self.refusal("a"), self.refusal("b")], ["circuit_open"] * 2)
        self.assertEqual((self.codex.backend.ready(), self.codex.metric("codex_circuit_open")), (False, 1))
        self.assertTrue(self.codex.backend.status(queued=0).circuit_is_open)
        self.assertEqual(self.codex.metric("codex_breaker_open"), 2)
        self.wait(10)
        self.assertTrue(self.codex.backend.ready())
        self.assertEqual([self.refusal("a"), self.refusal("b")], ["stop"] * 2)
        self.assertEqual(self.codex.metric("codex_circuit_open"), 0)

    def test_a_probe_that_begins_lets_the_others_through(self) -> None:
        self.outage()
        self.wait(10)
        probe = self.ask(turn("stall: one"))
        self.assertIsNone(probe.kind)
        self.assertEqual(self.refusal("b"), "stop")

    def test_one_principals_failures_leave_the_others_alone(self) -> None:
        for _ in range(2):
            self.assertEqual(self.codex.ask(turn("fail: 500"), context(principal="me")).kind, "model_failed")
        self.assertEqual((self.refusal("me"), self.refusal("you")), ("circuit_open", "stop"))
        self.assertTrue(self.codex.backend.ready())

    def test_a_turn_that_is_cancelled_decides_nothing(self) -> None:
        for _ in range(5):
            self.ask(turn("hang:")).cancel()
        self.assertEqual(self.refusal(), "stop")


class QuarantineTests(RetryTestCase):
    settings = Settings(turns=Turns(retries=0), codex=Codex(backoff_max_seconds=0.5))

    def test_a_principal_that_ends_child_after_child_has_to_wait(self) -> None:
        for _ in range(5):
            asked = self.codex.ask(turn("hang:"), context(principal="bad"))
            self.kill()
            self.assertEqual(asked.kind, "child_died")
            self.wait(2)
        with self.assertRaises(FaultError) as refused:
            self.codex.ask(turn("say: hi"), context(principal="bad"))
        self.assertEqual(refused.exception.fault.kind, "circuit_open")
        self.assertIn("model process ended", refused.exception.fault.message)
        self.assertEqual(self.codex.ask(turn("say: hi"), context(principal="good")).kind, "stop")
        self.assertEqual((self.codex.metric("crash_quarantined"), self.codex.backend.ready()), (1, True))
