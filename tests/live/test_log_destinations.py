"""The destination of the log stalls or fails: the daemon serves on, and says later how many lines were lost."""

import fcntl
import os
import signal
import time

from tests.support.live_daemon import Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import wait_until

DROPPED = "codexd_log_lines_dropped_total"
_FILLER = "x" * 400
REQUESTS = 2000


class LogDestinationTests(LiveTestCase):
    def start(self, descriptor: int, *launcher: str) -> Daemon:
        setup = DaemonSetup(output=descriptor) if not launcher else DaemonSetup(launcher=launcher)
        return self.new_daemon(setup).start().await_ready()

    def ask(self, daemon: Daemon, count: int) -> None:
        """Send requests whose lines in the log are long: their paths match no route."""
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        for number in range(count):
            connection.request("GET", f"/{number}/{_FILLER}")
            response = connection.getresponse()
            response.read()
            assert response.status == 404
        connection.close()

    def test_a_pipe_that_nobody_reads(self) -> None:
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        fcntl.fcntl(write, 1031, 4096)  # F_SETPIPE_SZ: full at once
        daemon = self.start(write)
        os.close(write)
        self.ask(daemon, REQUESTS)
        self.assertEqual(daemon.chat_text("say: still here"), "still here")
        began = time.monotonic()
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_pipe_that_is_read_again_gets_the_number_of_dropped_lines(self) -> None:
        read, write = os.pipe()
        fcntl.fcntl(write, 1031, 4096)
        daemon = self.start(write)
        os.close(write)
        count = 0
        while not daemon.metric(DROPPED):
            self.ask(daemon, 500)
            count += 500
            assert count < 60_000
        os.set_blocking(read, False)
        data = b""

        def notice() -> bool:
            nonlocal data
            daemon.get("/readyz")
            self.ask(daemon, 1)
            try:
                while piece := os.read(read, 2**20):
                    data += piece
            except BlockingIOError:
                pass
            return b"log lines were dropped" in data

        wait_until(notice, "the notice")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        os.close(read)

    def test_a_pipe_whose_reader_has_gone(self) -> None:
        read, write = os.pipe()
        daemon = self.start(write)
        os.close(write)
        os.close(read)
        self.ask(daemon, REQUESTS)
        wait_until(lambda: daemon.metric(DROPPED) >= REQUESTS, "the lines are dropped")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)

    def test_a_full_disk(self) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        daemon = self.start(full)
        os.close(full)
        self.ask(daemon, REQUESTS)
        wait_until(lambda: daemon.metric(DROPPED) >= REQUESTS, "the lines are dropped")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)

    def test_a_log_file_on_a_full_disk(self) -> None:
        setup = DaemonSetup(twistd=("--logfile", "/dev/full"))
        daemon = self.new_daemon(setup).start().await_ready()
        self.ask(daemon, 100)
        wait_until(lambda: daemon.metric(DROPPED) >= 100, "the lines are dropped")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)

    def test_a_standard_output_that_was_never_open(self) -> None:
        # Python has no sys.stdout then.
        daemon = self.start(-1, "/bin/sh", "-c", 'exec "$0" "$@" >&- 2>&-', *DaemonSetup().launcher)
        self.ask(daemon, 100)
        wait_until(lambda: daemon.metric(DROPPED) >= 100, "the lines are dropped")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)

    def test_a_terminal_that_is_stopped(self) -> None:
        # Ctrl-S: the terminal takes nothing more.
        import pty
        import termios

        primary, terminal = pty.openpty()
        self.addCleanup(os.close, primary)
        daemon = self.start(terminal)
        termios.tcflow(terminal, termios.TCOOFF)
        self.ask(daemon, 300)
        self.assertEqual(daemon.chat_text("say: still here"), "still here")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        os.close(terminal)
