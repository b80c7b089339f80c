"""Several children on one home: all come up, share the load, and fall alone."""

import os
import signal

from codexd.wire.sse import Frame
from tests.support import chat_stream
from tests.support.live import CHAT, LiveTestCase, Setup
from tests.support.system import until


class WorkersTests(LiveTestCase):
    kind = Setup(flags=("--workers", "2"))

    def test_both_come_up_on_a_fresh_home_and_each_carries_its_share(self) -> None:
        daemon = self.own().start().await_ready()
        until(lambda: daemon.metric("codexd_children_up") == 2, "both up")
        self.assertEqual(daemon.metric("codexd_child_ended_total"), 0)
        calls = [daemon.call(CHAT, daemon.question("slow: 60", stream=True)) for _ in range(4)]
        streams = [call.frames() for call in calls]
        first = [next(stream) for stream in streams]
        os.kill(daemon.children[0], signal.SIGKILL)
        ends = [self.end([frame, *stream]) for frame, stream in zip(first, streams, strict=True)]
        self.assertEqual(sorted(ends), ["child_died", "child_died", "done", "done"])

    def end(self, frames: list[Frame]) -> str:
        data = b"".join(b"data: " + frame.data + b"\n\n" for frame in frames)
        seen = chat_stream.read(data)
        return seen.error["code"] if seen.error else "done" if seen.done else "cut"

    def test_with_one_down_it_is_ready_still_and_the_other_answers(self) -> None:
        daemon = self.daemon
        until(lambda: daemon.metric("codexd_children_up") == 2, "both up")
        os.kill(daemon.children[0], signal.SIGKILL)
        until(lambda: daemon.metric("codexd_children_up") == 1, "one down")
        self.assertTrue(daemon.ready)
        self.assertEqual(daemon.say("say: one is enough"), "one is enough")
        until(lambda: daemon.metric("codexd_children_up") == 2, "both up again")
