"""The real Codex with one turn at a time: further turns wait, and tool results do not."""

import re
import signal

from codexd.wire.json import Json
from codexd.wire.sse import SseFrame
from tests.support import chat_stream
from tests.support.live_daemon import CHAT, DaemonSetup, LiveTestCase, message, user
from tests.support.processes import wait_until

TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
LENGTH = 'codexd_queue_length{backend="codex"}'


def is_whole(frames: list[SseFrame]) -> bool:
    return chat_stream.read(b"".join(b"data: " + frame.data + b"\n\n" for frame in frames)).done


class FullCodexTests(LiveTestCase):
    daemon_setup = DaemonSetup(settings="[codex]\nturns_per_worker = 1\n[queue]\nmax_wait_seconds = 3.0\n")

    def test_turns_wait_for_the_one_that_runs_and_for_one_another(self) -> None:
        calls = [self.daemon.call(CHAT, self.daemon.chat_body("say: hello", stream=True)) for _ in range(6)]
        self.assertTrue(all(is_whole(list(call.frames())) for call in calls))
        self.assertEqual((self.daemon.metric(LENGTH), self.daemon.metric("codexd_turns_running")), (0, 0))

    def test_a_turn_that_waits_too_long_is_refused_and_says_when_to_return(self) -> None:
        running = self.daemon.call(CHAT, self.daemon.chat_body("stall:", stream=True))
        wait_until(lambda: self.daemon.metric("codexd_turns_running") == 1, "it runs")
        refused = self.daemon.chat("say: hello")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (429, "rate_limit_exceeded"))
        self.assertTrue(1 <= int(refused.headers["retry-after"]) <= 60)
        wait_until(lambda: re.search(r" 429 busy .* queue=3\d\d\d\.\dms", self.daemon.log), "it is logged")
        running.disconnect()
        wait_until(lambda: self.daemon.metric("codexd_turns_running") == 0, "it is cancelled")
        self.assertEqual(self.daemon.chat_text("say: hello"), "hello")

    def test_tool_results_continue_their_turn_although_another_one_runs_and_others_wait(self) -> None:
        asked = "call: look {}"
        said = message(self.daemon.chat(asked, tools=[TOOL]))
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "blue"} for call in said["tool_calls"]]
        resumed = self.daemon.metric("codexd_turn_resumed_total")
        running = self.daemon.call(CHAT, self.daemon.chat_body("stall:", stream=True))
        wait_until(lambda: self.daemon.metric("codexd_turns_running") == 1, "it runs")
        waiting = self.daemon.call(CHAT, self.daemon.chat_body("say: hello"))
        wait_until(lambda: self.daemon.metric(LENGTH) == 1, "one waits")
        answer = self.daemon.chat([*user(asked), said, *results], tools=[TOOL])
        self.assertEqual(message(answer)["content"], "tool said: blue")
        self.assertEqual(self.daemon.metric("codexd_turn_resumed_total"), resumed + 1)
        running.disconnect()
        self.assertEqual(waiting.read().status, 200)

    def test_at_a_stop_what_waits_is_refused_and_what_runs_goes_on(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        running = daemon.call(CHAT, daemon.chat_body("slow: 100", stream=True)).frames()
        first = next(running)
        waiting = daemon.call(CHAT, daemon.chat_body("say: hello"))
        wait_until(lambda: daemon.metric(LENGTH) == 1, "one waits")
        daemon.signal(signal.SIGTERM)
        refused = waiting.read()
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "shutting_down"))
        self.assertTrue(is_whole([first, *running]))
        self.assertEqual(daemon.end(), -signal.SIGTERM)
