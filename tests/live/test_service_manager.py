"""A daemon under a service manager, which the test plays: notifications, watchdog, inherited sockets, restarts."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPException
from unittest import SkipTest

from tests.support.live_daemon import TWISTD, DaemonSetup, LiveTestCase
from tests.support.processes import TIMEOUT_SECONDS, children, start, wait_until
from tests.support.service_manager import ManagedDaemon

SETUP = DaemonSetup(settings='[codex]\nmodel = "scripted"\n')
CLIENTS = 4
RESTARTS = 2

STICK = signal.SIGWINCH
# The handler of a signal runs in the thread of the reactor; the other threads go on.
CAN_BE_STUCK = f"""\
import signal, time
from twisted.scripts.twistd import run
def block_the_reactor(number, frame):
    time.sleep(600)
signal.signal({STICK:d}, block_the_reactor)
run()
"""


class Load:
    """Clients that send one request after the other, each on a connection of its own."""

    def __init__(self, daemon: ManagedDaemon) -> None:
        self.problems: list[str] = []
        self._daemon = daemon
        self._responses = 0
        self._stopping = False
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def start(self) -> None:
        """Start the clients."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until the last request of each is answered."""
        self._stopping = True
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)

    def await_responses(self, count: int) -> None:
        """Wait until this many further requests were answered."""
        wanted = self._responses + count
        wait_until(lambda: self._responses >= wanted or self.problems, f"{count} responses")

    def _run(self) -> None:
        while not self._stopping and not self.problems:
            try:
                text = self._daemon.chat_text("say: hello")
                if text != "hello":
                    self.problems.append(text)
            except (OSError, HTTPException, AssertionError) as error:
                self.problems.append(repr(error))
            self._responses += 1


class ManagedTestCase(LiveTestCase):
    def manage(self, family: int = socket.AF_INET, watchdog_seconds: float = 60) -> ManagedDaemon:
        """Start a daemon, without waiting until it is ready."""
        daemon = ManagedDaemon(SETUP, family, watchdog_seconds)
        self.addCleanup(daemon.discard)
        return daemon.start()


class NotificationTests(ManagedTestCase):
    def test_the_service_manager_follows_the_life_of_a_daemon(self) -> None:
        daemon = self.manage()
        daemon.await_notified("READY")
        self.assertEqual(len(daemon.children), 1)
        self.assertEqual(daemon.metric("codexd_children_up"), 1)
        self.assertTrue(daemon.notifications.find("STATUS", "No back end is ready: waiting for Codex or an upstream"))
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        daemon.signal(signal.SIGHUP)
        daemon.await_notified("READY", 2)
        (reloading,) = daemon.notifications.find("RELOADING")
        self.assertLess(abs(int(reloading.values["MONOTONIC_USEC"]) / 1e6 - before), 30)
        self.assertGreater(int(reloading.values["MONOTONIC_USEC"]) / 1e6, before)
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        self.assertEqual(len(daemon.notifications.find("STOPPING", "1")), 1)
        self.assertNotIn("NOTIFY_SOCKET", daemon.log)

    def test_a_daemon_whose_reactor_is_stuck_is_ended_by_the_watchdog_and_shows_where(self) -> None:
        daemon = ManagedDaemon(SETUP, watchdog_seconds=4)
        self.addCleanup(daemon.discard)
        daemon.program = (sys.executable, "-c", CAN_BE_STUCK, *daemon.program[1:])
        daemon.start().await_notified("READY")
        daemon.signal(STICK)
        self.assertEqual(daemon.enforce_watchdog(), -signal.SIGABRT)
        self.assertIn("Fatal Python error: Aborted", daemon.log)
        self.assertIn("in block_the_reactor", daemon.log)
        daemon.start().await_notified("READY", 2)
        self.assertEqual(daemon.get("/readyz").status, 200)


class InheritedSocketTests(ManagedTestCase):
    def test_restarts_under_load_refuse_no_connection_and_fail_no_request(self) -> None:
        daemon = self.manage()
        load = Load(daemon)
        load.start()
        self.addCleanup(load.stop)
        for restart in range(RESTARTS):
            load.await_responses(10)
            self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
            daemon.start()
            daemon.await_notified("READY", restart + 2)
        load.await_responses(10)
        load.stop()
        self.assertEqual(load.problems, [])

    def test_the_first_connection_to_a_socket_of_systemd_starts_the_daemon(self) -> None:
        activate = shutil.which("systemd-socket-activate")
        if activate is None:
            raise SkipTest("systemd-socket-activate is not installed (Debian package systemd)")
        daemon = self.new_daemon(SETUP)
        folder = daemon.folder
        command = [activate, "--fdname=http", f"--listen=127.0.0.1:{daemon.port}", f"--setenv=STATE_DIRECTORY={folder}"]
        command += [str(TWISTD), "--nodaemon", "--pidfile=", "codexd", "--config", str(folder / "codexd.toml")]
        with (folder / "log").open("ab") as log:
            process = start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        wait_until(lambda: "Listening on" in daemon.log, "systemd listens")
        self.assertEqual(children(process.pid), [])
        self.assertEqual(daemon.chat_text("say: hello"), "hello")

    def test_a_unix_socket_keeps_its_mode_and_outlives_the_daemon(self) -> None:
        daemon = ManagedDaemon(SETUP, socket.AF_UNIX)
        self.addCleanup(daemon.discard)
        # Twisted, which this command imports before it becomes twistd, removes LISTEN_PID.
        daemon.program = (str(TWISTD.with_name("codexd")), "serve")
        os.chmod(daemon.socket_path, 0o660)
        for times in (1, 2):
            daemon.start().await_notified("READY", times)
            self.assertIn(b"200 OK", self.get(daemon))
            self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
            self.assertEqual(os.stat(daemon.socket_path).st_mode & 0o777, 0o660)

    def get(self, daemon: ManagedDaemon) -> bytes:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.connect(daemon.socket_path)
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b""))
