"""Codex processes that run but do not respond: noticed, killed, replaced; and processes that only seem so."""

import os
import signal
import time
from pathlib import Path

from codexd.codex_home import find_codex_binary
from codexd.settings import Codex
from codexd.wire import sse
from codexd.wire.json import Json, decode, encode
from tests.support import chat_stream, faulty_codex, responses_stream
from tests.support.http_client import HttpResponse, open_unread_request
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase, message, user
from tests.support.processes import wait_until

HANG_SECONDS = 3.0
NOTICED_SECONDS = HANG_SECONDS + 8.0
"""From the last answer of a child to the verdict: the ping, its time, two checks, and a loaded machine."""

READY_SECONDS = 1.0 + 1.0
"""From the verdict to the readiness that shows it, and a loaded machine."""

SETTINGS = f"[codex]\nhang_seconds = {HANG_SECONDS}\n"
NO_RETRIES = f"{SETTINGS}[turns]\nretries = 0\n"
HUNG = "codexd_child_hung_total"
TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


class HungChildTestCase(LiveTestCase):
    settings = SETTINGS

    def setUp(self) -> None:
        self.server = self.new_daemon(DaemonSetup(settings=self.settings)).start().await_ready()
        (self.child,) = self.server.children

    def stop_child(self) -> None:
        """Stop the child, as a debugger does: it takes no SIGTERM and answers nothing."""
        os.kill(self.child, signal.SIGSTOP)
        self.stopped_at = time.monotonic()

    def assert_replaced(self) -> None:
        """Assert that the verdict comes in time, that readiness follows, and that another child answers."""
        server = self.server
        wait_until(lambda: server.metric(HUNG) == 1, "noticed", NOTICED_SECONDS)
        wait_until(lambda: server.replaced(self.child), "another child")
        self.assertEqual(server.chat_text("say: again"), "again")
        server.await_log("it did not respond")
        self.assertEqual(server.metric(HUNG), 1)

    def assert_hung_fault(self, refused: HttpResponse) -> None:
        error = refused.json["error"]
        self.assertEqual((refused.status, error["code"], error["type"]), (503, "child_hung", "server_error"))
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertNotIn("x-should-retry", refused.headers)


class StoppedChildTests(HungChildTestCase):
    settings = NO_RETRIES

    def test_an_idle_child_that_is_stopped_is_replaced_and_readiness_follows(self) -> None:
        self.stop_child()
        wait_until(lambda: not self.server.ready, "not ready", NOTICED_SECONDS)
        self.assertEqual(self.server.metric(HUNG), 1)
        self.assert_replaced()

    def test_turns_before_their_first_event_end_with_a_503_to_repeat(self) -> None:
        paths: dict[str, Json] = {
            CHAT: self.server.chat_body("hang:"),
            "/v1/completions": {"model": self.server.model, "prompt": "hang:"},
            RESPONSES: {"model": self.server.model, "input": "hang:", "stream": True},
        }
        running = [self.server.call(path, body) for path, body in paths.items()]
        wait_until(lambda: self.server.metric("codexd_turns_running") == 3, "all run")
        self.stop_child()
        late = self.server.call(CHAT, self.server.chat_body("say: hi", stream=True))
        for pending in (*running, late):
            self.assert_hung_fault(pending.read())
        self.assertLess(time.monotonic() - self.stopped_at, NOTICED_SECONDS)
        self.assert_replaced()

    def test_streams_that_have_begun_end_with_one_error(self) -> None:
        body = {"model": self.server.model, "input": "slow: 4000", "stream": True}
        chat = self.server.call(CHAT, self.server.chat_body("slow: 4000", stream=True)).frames()
        responses = self.server.call(RESPONSES, body).frames()
        begun = [next(chat)], [next(responses)]
        self.stop_child()
        streamed, events = [*begun[0], *chat], [*begun[1], *responses]
        seen = chat_stream.read(b"".join(sse.encode_frame(frame.data) for frame in streamed))
        assert seen.error is not None
        self.assertEqual((seen.error["code"], seen.done), ("child_hung", False))
        answer = [decode(frame.data) for frame in events]
        responses_stream.check(answer)
        self.assertEqual(answer[-1]["type"], "response.failed")
        self.assert_replaced()


class RetriedTests(HungChildTestCase):
    def test_a_request_to_a_stopped_child_is_answered_by_the_next_one(self) -> None:
        self.stop_child()
        self.assertEqual(self.server.chat_text("say: hi"), "hi")
        self.assertEqual(self.server.metric("codexd_turn_retried_total"), 1)
        self.assert_replaced()

    def test_the_results_of_a_suspended_turn_are_answered_by_a_replay(self) -> None:
        said = message(self.server.chat("call: look {}", tools=[TOOL]))
        result: Json = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "sea"}
        self.stop_child()
        answer = self.server.chat([*user("call: look {}"), said, result], tools=[TOOL])
        self.assertEqual(message(answer)["content"], "tool said: sea")
        self.assert_replaced()


class SeemingTests(HungChildTestCase):
    def test_a_child_that_is_stopped_for_a_moment_is_kept(self) -> None:
        self.stop_child()
        time.sleep(HANG_SECONDS - 1)
        os.kill(self.child, signal.SIGCONT)
        self.assertEqual(self.server.chat_text("say: hi"), "hi")
        time.sleep(HANG_SECONDS)
        self.assertEqual((self.server.children, self.server.metric(HUNG)), ([self.child], 0))

    def test_a_daemon_that_was_held_does_not_blame_its_child(self) -> None:
        chat = self.server.call(CHAT, self.server.chat_body("pace: 200\nlong: 60", stream=True)).frames()
        next(chat)
        for _ in range(2):
            os.kill(self.server.pid, signal.SIGSTOP)
            time.sleep(HANG_SECONDS * 2)
            os.kill(self.server.pid, signal.SIGCONT)
            time.sleep(0.5)
        self.assertEqual([*chat][-1].data, b"[DONE]")
        self.assertEqual((self.server.children, self.server.metric(HUNG)), ([self.child], 0))


class PausedChildTests(HungChildTestCase):
    settings = f"{SETTINGS}[http]\nmax_buffer_bytes = 262144\npause_seconds = 60\n"

    def test_a_child_that_is_paused_for_a_slow_client_is_kept(self) -> None:
        body = encode(self.server.chat_body("long: 100000", stream=True))
        connection = open_unread_request(self.server.port, CHAT, body)
        self.addCleanup(connection.close)
        wait_until(lambda: self.server.metric("codexd_client_paused_total") == 1, "paused")
        time.sleep(HANG_SECONDS * 3)
        self.assertEqual((self.server.metric(HUNG), self.server.children), (0, [self.child]))
        data = b""
        while b"[DONE]" not in data[-64:]:
            data += connection.recv(2**16)
        self.assertIn(b"word100000", data)
        self.assertEqual((self.server.metric(HUNG), self.server.children), (0, [self.child]))


class BusyChildTests(HungChildTestCase):
    def test_a_child_that_runs_32_turns_is_kept(self) -> None:
        running = [self.server.call(CHAT, self.server.chat_body("slow: 300")) for _ in range(32)]
        for pending in running:
            self.assertEqual(pending.read().status, 200)
        self.assertEqual((self.server.metric(HUNG), self.server.children), (0, [self.child]))


class FaultyChildTests(LiveTestCase):
    def new_faulty_daemon(self) -> Daemon:
        settings = faulty_codex.SETTINGS + f"hang_seconds = {HANG_SECONDS}\n[turns]\nretries = 0\n"
        server = self.new_daemon(DaemonSetup(settings=settings))
        faulty_codex.install(server.folder, Path(find_codex_binary(Codex())))
        return server.start().await_ready()

    def check(self, fault: str) -> None:
        server = self.new_faulty_daemon()
        (child,) = server.children
        stream = server.call(CHAT, server.chat_body("slow: 4000", stream=True)).frames()
        begun = [next(stream)]
        faulty_codex.cause(server.folder, fault)
        refused = server.chat("say: hi")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "child_hung"), fault)
        seen = chat_stream.read(b"".join(sse.encode_frame(frame.data) for frame in [*begun, *stream]))
        assert seen.error is not None
        self.assertEqual(seen.error["code"], "child_hung")
        wait_until(lambda: server.replaced(child), "another child")
        self.assertEqual((server.metric(HUNG), server.chat_text("say: again")), (1, "again"), fault)

    def test_a_child_that_answers_nothing_is_replaced(self) -> None:
        self.check("mute")

    def test_a_child_that_reads_nothing_is_replaced(self) -> None:
        self.check("deaf")

    def test_a_child_that_closes_its_output_is_replaced(self) -> None:
        self.check("closed")
