"""The wall clock is set while responses run: they go on, and their timers neither fire nor stop."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.support import chat_stream
from tests.support.live_daemon import CHAT, Daemon, DaemonSetup, LiveTestCase, user
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess

HOUR = 3600

_UPSTREAM = """\
[turns]
total_seconds = 600
idle_seconds = 60
first_event_seconds = 60
[codex]
model = "scripted"
backoff_initial_seconds = 2
[[upstream]]
name = "near"
base_url = "{url}"
prefix = "near/"
"""


class ClockChangeTests(LiveTestCase):
    def setUp(self) -> None:
        self.provider = ProviderProcess()
        self.addCleanup(self.provider.stop)

    def start(self) -> Daemon:
        launcher = (sys.executable, "-m", "tests.support.shifted_clock", "{folder}/shift")
        setup = DaemonSetup(settings=_UPSTREAM.replace("{url}", self.provider.url), launcher=launcher)
        daemon = self.new_daemon(setup).start().await_ready()
        wait_until(lambda: daemon.metric("codexd_children_up") == 1, "Codex is up")
        return daemon

    def set_clock(self, daemon: Daemon, seconds: int) -> None:
        part = daemon.folder / "shift.part"
        part.write_text(str(seconds))
        part.replace(Path(daemon.folder, "shift"))

    def stream_across(self, daemon: Daemon, model: str, seconds: int) -> Any:
        """Stream 40 words, one every 50 ms, and set the clock after the first one."""
        body = {"model": model, "messages": user("slow: 40"), "stream": True}
        frames = daemon.call(CHAT, body).frames()
        first = next(frames)
        self.set_clock(daemon, seconds)
        text = b"".join(b"data: " + frame.data + b"\n\n" for frame in (first, *frames))
        return chat_stream.read(text)

    def test_a_running_stream_survives_a_change_of_an_hour(self) -> None:
        for seconds in (HOUR, -HOUR):
            for model in ("scripted", "near/scripted"):
                daemon = self.start()
                began = time.monotonic()
                seen = self.stream_across(daemon, model, seconds)
                self.assertTrue(seen.done, (seconds, model, seen.error))
                (choice,) = chat_stream.merge(seen.chunks)["choices"]
                self.assertTrue(choice["message"]["content"].endswith("word40"))
                self.assertLess(time.monotonic() - began, 30)
                self.assertEqual(daemon.chat_text("say: after"), "after")
                self.assertTrue(daemon.ready)
                self.assertEqual(daemon.metric("codexd_watchdog_too_long_total"), 0)

    def test_created_is_the_new_wall_time(self) -> None:
        daemon = self.start()
        self.set_clock(daemon, HOUR)
        created = daemon.chat("say: hi").json["created"]
        self.assertLess(abs(created - time.time() - HOUR), 30)

    def test_a_killed_child_is_replaced_in_time(self) -> None:
        daemon = self.start()
        (child,) = daemon.children
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: not daemon.children, "the child has exited")
        self.set_clock(daemon, -HOUR)  # while the back-off runs
        self.assertLess(wait_until(lambda: daemon.children not in ([], [child]), "another child"), 15)
