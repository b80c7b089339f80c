"""Start, stop and crash of the daemon and its children."""

import os
import signal
import time
from collections.abc import Iterator

from codexd.wire import sse
from codexd.wire.json import decode
from tests.support import chat_stream, responses_stream
from tests.support.chat_stream import ChatStream
from tests.support.http_client import free_port
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import descendants, is_running, wait_until

SLACK = 2.0
"""By which a promise of so many seconds may be missed on a loaded machine."""

FAILED_SECONDS = UNREADY_SECONDS = 1.0 * SLACK
READY_SECONDS = 3.0 * SLACK
GONE_SECONDS = 1.0 * SLACK


def read(frames: Iterator[sse.SseFrame]) -> ChatStream:
    """Read a chat stream to its end."""
    return chat_stream.read(b"".join(sse.encode_frame(frame.data) for frame in frames))


class KilledChildTests(LiveTestCase):
    def test_running_turns_fail_at_once_and_the_child_is_replaced(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings="[turns]\nretries = 0\n")).start().await_ready()
        (child,) = daemon.children
        chat = daemon.call(CHAT, daemon.chat_body("slow: 400", stream=True)).frames()
        body = {"model": daemon.model, "input": "slow: 400", "stream": True}
        responses = daemon.call(RESPONSES, body).frames()
        whole = daemon.call(CHAT, daemon.chat_body("slow: 400"))
        begun = [next(chat)], [next(responses)]
        wait_until(lambda: daemon.metric("codexd_requests_running") == 3, "all under way")

        os.kill(child, signal.SIGKILL)
        killed = time.monotonic()
        streamed, events = [*begun[0], *chat], [*begun[1], *responses]
        refused = whole.read()
        self.assertLess(time.monotonic() - killed, FAILED_SECONDS)
        wait_until(lambda: daemon.replaced(child), "another child")
        self.assertLess(time.monotonic() - killed, READY_SECONDS)
        self.assertEqual(daemon.chat_text("say: again"), "again")

        seen = read(iter(streamed))
        assert seen.error is not None
        self.assertEqual((seen.error["code"], seen.done), ("child_died", False))
        answer = [decode(frame.data) for frame in events]
        responses_stream.check(answer)
        self.assertEqual(answer[-1]["type"], "response.failed")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "child_died"))
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertNotIn("x-should-retry", refused.headers)

    def test_without_a_child_requests_get_503_and_probes_answer(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings="[codex]\nrestart_limit = 0\n")).start().await_ready()
        os.kill(daemon.children[0], signal.SIGKILL)
        self.assertLess(wait_until(lambda: not daemon.ready, "not ready"), UNREADY_SECONDS)
        wait_until(lambda: not daemon.children, "no child")
        refused = daemon.chat("say: hi")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "not_ready"))
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertEqual(daemon.get("/livez").status, 200)
        health = daemon.get("/healthz")
        self.assertEqual((health.status, health.json["live"], health.json["ready"]), (503, True, False))


class KilledDaemonTests(LiveTestCase):
    def test_a_killed_daemon_leaves_no_child(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        next(daemon.call(CHAT, daemon.chat_body("slow: 400", stream=True)).frames())
        left = descendants(daemon.pid)
        self.assertTrue(left)
        daemon.end(signal.SIGKILL)
        gone = wait_until(lambda: not any(is_running(pid) for pid in left), "all gone")
        self.assertLess(gone, GONE_SECONDS)


class StoppedDaemonTests(LiveTestCase):
    def stop(self, daemon: Daemon, sent: signal.Signals, to: str) -> list[int]:
        """Signal the daemon, or its process group as Ctrl-C does; return the pids that must end."""
        processes = [daemon.pid, *descendants(daemon.pid)]
        (os.killpg if to == "group" else os.kill)(daemon.pid, sent)
        return processes

    def test_a_stopping_daemon_finishes_the_running_answer(self) -> None:
        for sent, to in ((signal.SIGTERM, "daemon"), (signal.SIGINT, "group")):
            daemon = self.new_daemon().start().await_ready()
            frames = daemon.call(CHAT, daemon.chat_body("slow: 30", stream=True)).frames()
            first = next(frames)
            processes = self.stop(daemon, sent, to)
            wait_until(lambda daemon=daemon: not daemon.ready, "not ready")
            refused = daemon.chat("say: too late")
            self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "shutting_down"))
            self.assertIn("retry-after", refused.headers)
            seen = read(iter((first, *frames)))
            self.assertTrue(seen.done)
            (choice,) = chat_stream.merge(seen.chunks)["choices"]
            self.assertTrue(choice["message"]["content"].endswith("word30"))
            self.assertEqual(choice["finish_reason"], "stop")
            # twistd ends by the signal that stopped it, as a Unix program should.
            self.assertEqual(daemon.end(), -sent)
            wait_until(lambda left=processes: not any(is_running(pid) for pid in left), "nothing left")
            self.assertNotIn("Traceback", daemon.log)

    def test_an_answer_that_exceeds_the_drain_time_ends_with_an_error(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings="[codex]\ndrain_seconds = 0.5\n")).start().await_ready()
        frames = daemon.call(CHAT, daemon.chat_body("slow: 400", stream=True)).frames()
        first = next(frames)
        processes = self.stop(daemon, signal.SIGTERM, "daemon")
        seen = read(iter((first, *frames)))
        assert seen.error is not None
        self.assertEqual((seen.error["code"], seen.done), ("shutting_down", False))
        self.assertEqual(daemon.end(), -signal.SIGTERM)
        wait_until(lambda: not any(is_running(pid) for pid in processes), "nothing left")

    def test_a_daemon_stopped_before_it_is_ready_leaves_no_process(self) -> None:
        daemon = self.new_daemon().start()
        wait_until(lambda: daemon.children, "its first child")
        processes = self.stop(daemon, signal.SIGTERM, "daemon")
        self.assertEqual(daemon.end(), -signal.SIGTERM)
        wait_until(lambda: not any(is_running(pid) for pid in processes), "nothing left")


class FailedStartTests(LiveTestCase):
    """A start that cannot succeed ends at once, with one line that gives the reason."""

    def refuse(self, *flags: str) -> str:
        daemon = self.new_daemon(DaemonSetup(flags=flags)).start()
        self.assertNotIn(daemon.end(), (0, None))
        self.assertEqual(daemon.children, [])
        self.assertNotIn("Traceback", daemon.log)
        return daemon.log

    def test_a_port_in_use(self) -> None:
        endpoint = f"tcp:{self.daemon.port}:interface=127.0.0.1"
        log = self.refuse("--listen", endpoint)
        (line,) = [line for line in log.splitlines() if "cannot listen" in line]
        self.assertIn(endpoint, line)
        self.assertIn("in use", line)

    def test_a_public_address_without_a_key(self) -> None:
        log = self.refuse("--listen", f"tcp:{free_port()}")
        self.assertIn("no API key is set", log.splitlines()[-1])

    def test_a_missing_program(self) -> None:
        self.assertIn("/nonexistent/codex", self.refuse("--codex", "/nonexistent/codex").splitlines()[-1])
