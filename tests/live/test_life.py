"""How the daemon and its children live and die."""

import os
import signal
import time
from collections.abc import Iterator

from codexd.wire import sse
from codexd.wire.json import decode
from tests.support import chat_stream, responses_stream
from tests.support.chat_stream import Streamed
from tests.support.live import CHAT, RESPONSES, Daemon, LiveTestCase, Setup
from tests.support.loopback import free_port
from tests.support.system import descendants, runs, until

SLACK = 2.0
"""By which a promise of so many seconds may be missed on a loaded machine."""

FAILED_SECONDS = UNREADY_SECONDS = 1.0 * SLACK
READY_SECONDS = 3.0 * SLACK
GONE_SECONDS = 1.0 * SLACK


def read(frames: Iterator[sse.Frame]) -> Streamed:
    """Read a chat stream to its end."""
    return chat_stream.read(b"".join(sse.frame(frame.data) for frame in frames))


class KilledChildTests(LiveTestCase):
    def test_its_turns_fail_at_once_and_honestly_and_another_child_comes(self) -> None:
        daemon = self.own().start().await_ready()
        (child,) = daemon.children
        chat = daemon.call(CHAT, daemon.question("slow: 400", stream=True)).frames()
        body = {"model": daemon.model, "input": "slow: 400", "stream": True}
        responses = daemon.call(RESPONSES, body).frames()
        whole = daemon.call(CHAT, daemon.question("slow: 400"))
        begun = [next(chat)], [next(responses)]
        until(lambda: daemon.metric("codexd_requests_running") == 3, "all under way")

        os.kill(child, signal.SIGKILL)
        killed = time.monotonic()
        streamed, events = [*begun[0], *chat], [*begun[1], *responses]
        refused = whole.answer()
        self.assertLess(time.monotonic() - killed, FAILED_SECONDS)
        until(lambda: daemon.replaced(child), "another child")
        self.assertLess(time.monotonic() - killed, READY_SECONDS)
        self.assertEqual(daemon.say("say: again"), "again")

        seen = read(iter(streamed))
        assert seen.error is not None
        self.assertEqual((seen.error["code"], seen.done), ("child_died", False))
        told = [decode(frame.data) for frame in events]
        responses_stream.check(told)
        self.assertEqual(told[-1]["type"], "response.failed")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "child_died"))
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertNotIn("x-should-retry", refused.headers)

    def test_without_it_nothing_is_ready_and_requests_are_refused_but_probes_answer(self) -> None:
        daemon = self.own(Setup(settings="[codex]\nrestart_limit = 0\n")).start().await_ready()
        os.kill(daemon.children[0], signal.SIGKILL)
        self.assertLess(until(lambda: not daemon.ready, "not ready"), UNREADY_SECONDS)
        until(lambda: not daemon.children, "no child")
        refused = daemon.chat("say: hi")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "not_ready"))
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertEqual(daemon.get("/livez").status, 200)
        health = daemon.get("/healthz")
        self.assertEqual((health.status, health.json["live"], health.json["ready"]), (503, True, False))


class KilledDaemonTests(LiveTestCase):
    def test_it_leaves_no_child(self) -> None:
        daemon = self.own().start().await_ready()
        next(daemon.call(CHAT, daemon.question("slow: 400", stream=True)).frames())
        left = descendants(daemon.pid)
        self.assertTrue(left)
        daemon.end(signal.SIGKILL)
        gone = until(lambda: not any(runs(pid) for pid in left), "all gone")
        self.assertLess(gone, GONE_SECONDS)


class StoppedDaemonTests(LiveTestCase):
    def stop(self, daemon: Daemon, sent: signal.Signals, to: str) -> list[int]:
        """Send a signal to the daemon or to its whole group, as Ctrl-C does; give what must end."""
        processes = [daemon.pid, *descendants(daemon.pid)]
        (os.killpg if to == "group" else os.kill)(daemon.pid, sent)
        return processes

    def test_a_running_answer_is_finished_first_and_then_nothing_is_left(self) -> None:
        for sent, to in ((signal.SIGTERM, "daemon"), (signal.SIGINT, "group")):
            daemon = self.own().start().await_ready()
            frames = daemon.call(CHAT, daemon.question("slow: 30", stream=True)).frames()
            first = next(frames)
            processes = self.stop(daemon, sent, to)
            until(lambda daemon=daemon: not daemon.ready, "not ready")
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
            until(lambda left=processes: not any(runs(pid) for pid in left), "nothing left")
            self.assertNotIn("Traceback", daemon.log)

    def test_an_answer_that_takes_too_long_is_broken_off_honestly(self) -> None:
        daemon = self.own(Setup(settings="[codex]\ndrain_seconds = 0.5\n")).start().await_ready()
        frames = daemon.call(CHAT, daemon.question("slow: 400", stream=True)).frames()
        first = next(frames)
        processes = self.stop(daemon, signal.SIGTERM, "daemon")
        seen = read(iter((first, *frames)))
        assert seen.error is not None
        self.assertEqual((seen.error["code"], seen.done), ("shutting_down", False))
        self.assertEqual(daemon.end(), -signal.SIGTERM)
        until(lambda: not any(runs(pid) for pid in processes), "nothing left")

    def test_stopped_before_it_is_ready_it_leaves_nothing_either(self) -> None:
        daemon = self.own().start()
        until(lambda: daemon.children, "its first child")
        processes = self.stop(daemon, signal.SIGTERM, "daemon")
        self.assertEqual(daemon.end(), -signal.SIGTERM)
        until(lambda: not any(runs(pid) for pid in processes), "nothing left")


class RefusedStartTests(LiveTestCase):
    """A start that cannot succeed ends at once, with one line that says why."""

    def refuse(self, *flags: str) -> str:
        daemon = self.own(Setup(flags=flags)).start()
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

    def test_other_machines_without_a_key(self) -> None:
        log = self.refuse("--listen", f"tcp:{free_port()}")
        self.assertIn("no API key is set", log.splitlines()[-1])

    def test_a_program_that_is_not_there(self) -> None:
        self.assertIn("/nonexistent/codex", self.refuse("--codex", "/nonexistent/codex").splitlines()[-1])
