"""Signals to a real daemon: in the foreground, under nohup, as a daemon of twistd, and before its start is complete."""

import os
import signal
import subprocess
import time
from pathlib import Path

from codexd.wire.json import decode
from codexd.wire.sse import encode_frame
from tests.support import chat_stream
from tests.support.live_daemon import CHAT, RESPONSES, TWISTD, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import children, descendants, is_running, wait_until
from tests.support.provider_process import ROOT

HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class SignalTestCase(LiveTestCase):
    def assert_harmless(self, daemon: Daemon) -> None:
        """Send the signals that must not end the daemon while a stream runs."""
        frames = daemon.call(CHAT, daemon.chat_body("slow: 20", stream=True)).frames()
        first = next(frames)
        for sent in HARMLESS:
            daemon.signal(sent)
        seen = chat_stream.read(b"".join(encode_frame(frame.data) for frame in (first, *frames)))
        self.assertTrue(seen.done)
        self.assertTrue(daemon.ready)


class ForegroundTests(SignalTestCase):
    def test_hangup_and_user_signals_end_nothing(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        (child,) = daemon.children
        self.assert_harmless(daemon)
        wait_until(lambda: "The settings were reloaded" in daemon.log, "reloaded")
        self.assertEqual(daemon.children, [child])

    def test_under_nohup_they_end_nothing_either(self) -> None:
        daemon = self.new_daemon(DaemonSetup(launcher=("nohup", str(TWISTD)))).start().await_ready()
        self.assert_harmless(daemon)

    def test_a_child_ignores_no_signal_and_gets_none_of_the_terminal(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        (child,) = daemon.children
        lines = Path(f"/proc/{child}/status").read_text().splitlines()
        status = dict(line.split(":\t") for line in lines if ":\t" in line)
        ignored = int(status["SigIgn"], 16)
        for number in (*HARMLESS, signal.SIGTERM, signal.SIGINT):
            self.assertFalse(ignored >> (number - 1) & 1, number)
        self.assertNotEqual(os.getpgid(child), daemon.pid)
        self.assertNotEqual(os.getsid(child), os.getsid(daemon.pid))

    def test_signals_during_the_drain_end_nothing(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        frames = daemon.call(CHAT, daemon.chat_body("slow: 30", stream=True)).frames()
        first = next(frames)
        daemon.signal(signal.SIGTERM)
        for sent in HARMLESS:
            daemon.signal(sent)
        seen = chat_stream.read(b"".join(encode_frame(frame.data) for frame in (first, *frames)))
        self.assertTrue(seen.done)
        self.assertEqual(daemon.end(), -signal.SIGTERM)


class StopTests(SignalTestCase):
    def test_a_second_signal_ends_running_answers_at_once(self) -> None:
        settings = DaemonSetup(settings="[codex]\ndrain_seconds = 60\n")
        for sent, to in ((signal.SIGTERM, os.kill), (signal.SIGINT, os.killpg)):
            daemon = self.new_daemon(settings).start().await_ready()
            frames = daemon.call(CHAT, daemon.chat_body("slow: 400", stream=True)).frames()
            first = next(frames)
            stored = daemon.call(RESPONSES, {"model": daemon.model, "input": "slow: 400", "stream": True}).frames()
            begun = next(stored)
            processes = [daemon.pid, *descendants(daemon.pid)]
            to(daemon.pid, sent)
            wait_until(lambda daemon=daemon: not daemon.ready, "draining")
            time.sleep(0.5)
            self.assertTrue(daemon.running)
            began = time.monotonic()
            to(daemon.pid, sent)
            seen = chat_stream.read(b"".join(encode_frame(frame.data) for frame in (first, *frames)))
            assert seen.error is not None
            self.assertEqual((seen.error["code"], seen.done), ("shutting_down", False))
            self.assertEqual([decode(frame.data)["type"] for frame in (begun, *stored)][-1], "response.failed")
            self.assertEqual(daemon.end(), -sent)
            self.assertLess(time.monotonic() - began, 8)
            wait_until(lambda left=processes: not any(is_running(pid) for pid in left), "nothing left")
            daemon.await_log("stopping at once")
            self.assertNotIn("Traceback", daemon.log)
            daemon.await_log("codexd has stopped")

    def test_a_third_signal_kills(self) -> None:
        settings = DaemonSetup(settings="[codex]\ndrain_seconds = 60\n")
        daemon = self.new_daemon(settings).start().await_ready()
        frames = daemon.call(CHAT, daemon.chat_body("slow: 400", stream=True)).frames()
        next(frames)
        processes = descendants(daemon.pid)
        began = time.monotonic()
        while daemon.running:
            daemon.signal(signal.SIGTERM)
            time.sleep(0.02)
        self.assertEqual(daemon.end(), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 5)
        wait_until(lambda: not any(is_running(pid) for pid in processes), "nothing left")

    def test_a_stop_at_any_moment_of_the_start_leaves_nothing(self) -> None:
        for delay in (0.2, 0.5, 0.8, 1.1, 1.5):
            daemon = self.new_daemon().start()
            time.sleep(delay)
            processes = descendants(daemon.pid)
            self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
            wait_until(lambda left=processes: not any(is_running(pid) for pid in left), "nothing left")
            # The store is usable afterwards.
        again = daemon.start().await_ready()
        self.assertEqual(again.chat_text("say: again"), "again")

    def test_harmless_signals_before_the_start_is_complete_end_nothing(self) -> None:
        daemon = self.new_daemon().start()
        wait_until(lambda: "starting up" in daemon.log, "the service is built")
        for sent in HARMLESS:
            daemon.signal(sent)
        daemon.await_ready()


class DaemonisedTests(SignalTestCase):
    """`twistd -l file --pidfile ... codexd`."""

    def test_it_serves_reopens_its_log_and_stops(self) -> None:
        daemon = self.new_daemon()
        folder = daemon.folder
        pidfile, log = folder / "twistd.pid", folder / "codexd.log"
        command = (
            str(TWISTD), "--logfile", str(log), "--pidfile", str(pidfile), "--rundir", str(folder),
            "codexd", "--config", str(folder / "codexd.toml"), "--listen", f"tcp:{daemon.port}:interface=127.0.0.1",
        )  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT, env=daemon._environment(), stdin=subprocess.DEVNULL, timeout=60)
        pid = int(pidfile.read_text())
        self.addCleanup(lambda: is_running(pid) and os.kill(pid, signal.SIGKILL))
        wait_until(lambda: daemon.ready, "ready")
        frames = daemon.call(CHAT, daemon.chat_body("slow: 20", stream=True)).frames()
        first = next(frames)
        log.rename(folder / "codexd.log.1")
        for sent in HARMLESS:
            os.kill(pid, sent)
        seen = chat_stream.read(b"".join(encode_frame(frame.data) for frame in (first, *frames)))
        self.assertTrue(seen.done)
        wait_until(log.exists, "reopened")
        self.assertEqual(daemon.chat_text("say: hi"), "hi")
        wait_until(lambda: "POST /v1/chat/completions 200 ok" in log.read_text(), "the new file has the line")
        processes = [pid, *descendants(pid)]
        self.assertEqual(len(children(pid)), 1)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(is_running(one) for one in processes), "nothing left")
        self.assertFalse(pidfile.exists())
        self.assertIn("codexd has stopped", log.read_text())
