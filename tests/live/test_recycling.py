"""Codex processes are recycled under load: no request is refused, no turn is lost, readiness does not change."""

import subprocess
import sys
import time
from threading import Event, Thread

from codexd.wire.sse import encode_frame
from tests.support.chat_stream import read
from tests.support.live_daemon import CHAT, Daemon, DaemonSetup, LiveTestCase, message
from tests.support.processes import TIMEOUT_SECONDS, is_running, wait_until

BY_AGE = 'codexd_child_recycled_total{reason="age"}'
BY_REQUEST = 'codexd_child_recycled_total{reason="request"}'
BY_TURNS = 'codexd_child_recycled_total{reason="turns"}'


class Load:
    """Sends requests one after the other until it is stopped, and polls readiness.

    Attributes:
        failures: what was not as it should be.
        answers: how many requests succeeded.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.failures: list[str] = []
        self.answers = 0
        self._daemon = daemon
        self._stopped = Event()
        self._threads = [Thread(target=self._ask), Thread(target=self._ask), Thread(target=self._poll)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)

    def _ask(self) -> None:
        while not self._stopped.is_set():
            response = self._daemon.chat("say: well")
            if response.status == 200 and message(response)["content"] == "well":
                self.answers += 1
            else:
                self.failures.append(response.body.decode())

    def _poll(self) -> None:
        while not self._stopped.is_set():
            if not self._daemon.ready:
                self.failures.append("not ready")
            time.sleep(0.02)


class RecyclingTests(LiveTestCase):
    def recycle(self, daemon: Daemon) -> str:
        """Run the command as an operator does, and return its output."""
        command = (sys.executable, "-m", "codexd.command", "workers", "recycle")
        environment = {"HOME": str(daemon.folder / "home"), "XDG_STATE_HOME": str(daemon.folder / "state")}
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_one_worker_is_replaced_under_load_without_a_refusal(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        (old,) = daemon.children
        frames = daemon.call(CHAT, daemon.chat_body("slow: 200", stream=True)).frames()
        first = next(frames)
        load = Load(daemon)
        self.addCleanup(load.stop)
        self.assertEqual(self.recycle(daemon), "recycling: plain-0\n")
        wait_until(lambda: daemon.metric(BY_REQUEST) == 1, "replaced")
        self.assertTrue(is_running(old))  # its turn runs
        seen = read(b"".join(encode_frame(frame.data) for frame in (first, *frames)))
        self.assertTrue(seen.done)
        wait_until(lambda: not is_running(old), "the old one has stopped")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertGreater(load.answers, 5)
        self.assertEqual(len(daemon.children), 1)
        self.assertEqual(daemon.metric("codexd_child_exited_total"), 0)

    def test_workers_are_replaced_by_turns_under_load(self) -> None:
        settings = "[codex]\nworkers = 2\nrecycle_after_turns = 20\n"
        daemon = self.new_daemon(DaemonSetup(settings=settings)).start().await_ready()
        wait_until(lambda: daemon.metric("codexd_children_up") == 2, "both are up")
        before = daemon.children
        load = Load(daemon)
        self.addCleanup(load.stop)
        wait_until(lambda: daemon.metric(BY_TURNS) >= 3, "recycled")
        load.stop()
        self.assertEqual(load.failures, [])
        wait_until(lambda: len(daemon.children) == 2, "two processes again")
        self.assertFalse(set(before) & set(daemon.children))

    def test_a_suspended_turn_continues_after_its_worker_was_replaced(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        (old,) = daemon.children
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        messages = [{"role": "user", "content": "call: f {}"}]
        called = message(daemon.chat(messages, tools=tools))
        self.recycle(daemon)
        wait_until(lambda: not is_running(old), "replaced")
        result = {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "1"}
        self.assertEqual(daemon.chat_text([*messages, called, result], tools=tools), "tool said: 1")

    def test_by_age(self) -> None:
        settings = "[codex]\nrecycle_after_seconds = 2\n"
        daemon = self.new_daemon(DaemonSetup(settings=settings)).start().await_ready()
        wait_until(lambda: daemon.metric(BY_AGE) >= 2, "recycled twice")
        self.assertEqual(daemon.chat_text("say: well"), "well")
