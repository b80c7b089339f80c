"""A client that stops reading is dropped at its deadline, without effect on other clients or on memory."""

import socket
import time

from codexd.wire.json import encode
from tests.support.http_client import open_unread_request
from tests.support.live_daemon import CHAT, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import resident_bytes, wait_until

HOLD_SECONDS = 0.5
SLACK_SECONDS = 1.5
"""The extra seconds that an answer may take on a loaded machine."""

GROWTH_BYTES = 32 * 2**20
"""The daemon's; the answer that nobody reads is of about 25 MB, and never in memory as a whole."""


class SlowClientTests(LiveTestCase):
    def stall(self, daemon: Daemon, words: int) -> socket.socket:
        """Request this many words and read none."""
        body = encode(daemon.chat_body(f"long: {words}", stream=True))
        connection = open_unread_request(daemon.port, CHAT, body)
        self.addCleanup(connection.close)
        return connection

    def rest(self, connection: socket.socket) -> bytes:
        """Read until the connection ends, in whatever way."""
        pieces = []
        try:
            while piece := connection.recv(2**16):
                pieces.append(piece)
        except ConnectionResetError:
            pass
        return b"".join(pieces)

    def test_a_client_that_blocks_the_model_is_dropped_and_others_are_answered(self) -> None:
        limits = f"[http]\nmax_buffer_bytes = 262144\npause_seconds = {HOLD_SECONDS}\n"
        daemon = self.new_daemon(DaemonSetup(settings=limits)).start().await_ready()
        daemon.chat_text("say: warm")
        before = resident_bytes(daemon.pid)
        connection = self.stall(daemon, 100_000)
        delays, sizes = [], []
        while not daemon.metric("codexd_slow_client_total"):
            began = time.monotonic()
            self.assertEqual(daemon.chat_text("say: not delayed"), "not delayed")
            delays.append(time.monotonic() - began)
            sizes.append(resident_bytes(daemon.pid))
        self.assertLess(max(delays), HOLD_SECONDS + SLACK_SECONDS)
        self.assertLess(max(sizes) - before, GROWTH_BYTES)
        # The kernel may take more for a client that reads nothing, and the model is paused once more.
        self.assertGreaterEqual(daemon.metric("codexd_client_paused_total"), 1)
        wait_until(lambda: daemon.metric("codexd_requests_running") == 0, "its request is over")
        self.assertNotIn(b"[DONE]", self.rest(connection))
        daemon.await_log("slow_client")
        self.assertEqual(daemon.chat_text("say: all well"), "all well")

    def test_a_client_that_reads_nothing_is_dropped_without_blocking_the_model(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings="[http]\nwrite_timeout_seconds = 1\n")).start().await_ready()
        connection = self.stall(daemon, 15_000)
        wait_until(lambda: daemon.metric("codexd_slow_client_total") == 1, "cut")
        self.assertEqual(daemon.metric("codexd_client_paused_total"), 0)
        self.assertNotIn(b"[DONE]", self.rest(connection))

    def test_a_client_that_resumes_in_time_gets_its_whole_answer(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings="[http]\nmax_buffer_bytes = 262144\npause_seconds = 20\n"))
        connection = self.stall(daemon.start().await_ready(), 15_000)
        wait_until(lambda: daemon.metric("codexd_client_paused_total") == 1, "held")
        data = b""
        while b"[DONE]" not in data[-64:]:
            data += connection.recv(2**16)
        self.assertIn(b"word15000", data)
        self.assertEqual(daemon.metric("codexd_slow_client_total"), 0)
