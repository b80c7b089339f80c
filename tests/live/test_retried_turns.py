"""Turns that fail before their first event are started again, with the real Codex."""

import os
import signal

from codexd.wire.json import Json
from tests.support.live_daemon import CHAT, RESPONSES, DaemonSetup, LiveTestCase, message, user
from tests.support.processes import wait_until

SLOW = "pace: 1500\nsay: hi"
"""A response whose first event comes after a second or more."""

RETRIED = "codexd_turn_retried_total"
TURNS = "codexd_turns_running"
TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


class KilledChildTests(LiveTestCase):
    def test_turns_before_their_first_event_are_answered_by_the_next_child_at_every_endpoint(self) -> None:
        server = self.new_daemon().start().await_ready()
        (child,) = server.children
        paths: dict[str, Json] = {
            CHAT: server.chat_body(SLOW),
            "/v1/completions": {"model": server.model, "prompt": SLOW},
            RESPONSES: {"model": server.model, "input": SLOW},
        }
        running = {path: server.call(path, body) for path, body in paths.items()}
        wait_until(lambda: server.metric(TURNS) == 3, "all run")
        os.kill(child, signal.SIGKILL)
        waiting = server.call(CHAT, server.chat_body("say: late"))
        for path, pending in running.items():
            answer = pending.read()
            self.assertEqual((answer.status, b"hi" in answer.body), (200, True), (path, answer.body))
        self.assertEqual(message(waiting.read())["content"], "late")
        self.assertEqual(server.metric(TURNS), 0)
        self.assertGreaterEqual(server.metric(RETRIED), 3)

    def test_tool_results_are_answered_by_a_replay(self) -> None:
        server = self.new_daemon().start().await_ready()
        script = f"call: look {{}}\nthen: {SLOW}"
        said = message(server.chat(script, tools=[TOOL]))
        result: Json = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "sea"}
        pending = server.call(CHAT, server.chat_body([*user(script), said, result], tools=[TOOL]))
        wait_until(lambda: server.metric(TURNS) == 1, "resumed")
        os.kill(server.children[0], signal.SIGKILL)
        self.assertEqual(message(pending.read())["content"], "hi")
        self.assertEqual([server.metric(f"codexd_turn_{way}_total") for way in ("resumed", "replayed")], [1, 1])


class OverloadedProviderTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True)

    def test_a_provider_that_is_overloaded_for_a_moment_is_asked_again(self) -> None:
        server = self.daemon
        server.provider.set_answers(b'{"error": {"message": "no", "code": "server_is_overloaded"}}', 503)
        pending = server.call(CHAT, server.chat_body("say: hi", stream=True))
        wait_until(lambda: server.metric(TURNS) == 1, "asked")
        wait_until(lambda: server.metric(TURNS) == 0, "failed")
        server.provider.set_answers(b"", 0)
        answer = pending.read()
        self.assertEqual((answer.status, answer.body.count(b'"hi"'), answer.body.count(b"[DONE]")), (200, 1, 1))
        self.assertGreaterEqual(server.metric(RETRIED), 1)

    def test_one_that_stays_overloaded_is_said_to_be_after_the_last_retry(self) -> None:
        server = self.daemon
        server.provider.set_answers(b'{"error": {"message": "no", "code": "server_is_overloaded"}}', 503)
        before = server.metric(RETRIED)
        refused = server.chat("say: hi")
        server.provider.set_answers(b"", 0)
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "overloaded"))
        self.assertEqual(server.metric(RETRIED) - before, 2)
