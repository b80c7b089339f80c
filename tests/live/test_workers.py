"""Several children on one home: all start, share the load, and fail independently."""

import os
import signal

from codexd.wire.sse import SseFrame
from tests.support import chat_stream
from tests.support.live_daemon import CHAT, DaemonSetup, LiveTestCase
from tests.support.processes import wait_until


class WorkersTests(LiveTestCase):
    daemon_setup = DaemonSetup(flags=("--workers", "2"))

    def test_both_start_on_a_new_home_and_share_the_load(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        wait_until(lambda: daemon.metric("codexd_children_up") == 2, "both up")
        self.assertEqual(daemon.metric("codexd_child_exited_total"), 0)
        calls = [daemon.call(CHAT, daemon.chat_body("slow: 60", stream=True)) for _ in range(4)]
        streams = [call.frames() for call in calls]
        first = [next(stream) for stream in streams]
        os.kill(daemon.children[0], signal.SIGKILL)
        ends = [self.end([frame, *stream]) for frame, stream in zip(first, streams, strict=True)]
        self.assertEqual(sorted(ends), ["child_died", "child_died", "done", "done"])

    def end(self, frames: list[SseFrame]) -> str:
        data = b"".join(b"data: " + frame.data + b"\n\n" for frame in frames)
        seen = chat_stream.read(data)
        return seen.error["code"] if seen.error else "done" if seen.done else "cut"

    def test_with_one_down_the_daemon_is_ready_and_the_other_answers(self) -> None:
        daemon = self.daemon
        wait_until(lambda: daemon.metric("codexd_children_up") == 2, "both up")
        os.kill(daemon.children[0], signal.SIGKILL)
        wait_until(lambda: daemon.metric("codexd_children_up") == 1, "one down")
        self.assertTrue(daemon.ready)
        self.assertEqual(daemon.chat_text("say: one is enough"), "one is enough")
        wait_until(lambda: daemon.metric("codexd_children_up") == 2, "both up again")
