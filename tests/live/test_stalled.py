"""A reader that stops reading is cut after its deadline; neither the others nor the memory feel it."""

import socket
import time

from codexd.wire.json import encode
from tests.support.live import CHAT, Daemon, LiveTestCase, Setup
from tests.support.loopback import stalled
from tests.support.system import resident_bytes, until

HOLD_SECONDS = 0.5
SLACK_SECONDS = 1.5
"""What an answer may take beside on a loaded machine."""

GROWTH_BYTES = 32 * 2**20
"""The daemon's; the answer that nobody reads is of about 25 MB, and never in memory as a whole."""


class StalledTests(LiveTestCase):
    def stall(self, daemon: Daemon, words: int) -> socket.socket:
        """Ask for that many words, and read none."""
        body = encode(daemon.question(f"long: {words}", stream=True))
        connection = stalled(daemon.port, CHAT, body)
        self.addCleanup(connection.close)
        return connection

    def rest(self, connection: socket.socket) -> bytes:
        """Read what there is until the connection ends, however it does."""
        pieces = []
        try:
            while piece := connection.recv(2**16):
                pieces.append(piece)
        except ConnectionResetError:
            pass
        return b"".join(pieces)

    def test_one_that_holds_up_the_model_is_cut_and_the_others_are_answered_meanwhile(self) -> None:
        limits = f"[http]\nmax_queue_bytes = 262144\nhold_seconds = {HOLD_SECONDS}\n"
        daemon = self.own(Setup(settings=limits)).start().await_ready()
        daemon.say("say: warm")
        before = resident_bytes(daemon.pid)
        connection = self.stall(daemon, 100_000)
        delays, sizes = [], []
        while not daemon.metric("codexd_reader_cut_total"):
            began = time.monotonic()
            self.assertEqual(daemon.say("say: not delayed"), "not delayed")
            delays.append(time.monotonic() - began)
            sizes.append(resident_bytes(daemon.pid))
        self.assertLess(max(delays), HOLD_SECONDS + SLACK_SECONDS)
        self.assertLess(max(sizes) - before, GROWTH_BYTES)
        self.assertEqual(daemon.metric("codexd_reader_held_total"), 1)
        until(lambda: daemon.metric("codexd_requests_running") == 0, "its request is over")
        self.assertNotIn(b"[DONE]", self.rest(connection))
        self.assertIn("slow_reader", daemon.log)
        self.assertEqual(daemon.say("say: all well"), "all well")

    def test_one_that_takes_nothing_for_too_long_is_cut_though_the_model_is_not_held(self) -> None:
        daemon = self.own(Setup(settings="[http]\nstall_seconds = 1\n")).start().await_ready()
        connection = self.stall(daemon, 15_000)
        until(lambda: daemon.metric("codexd_reader_cut_total") == 1, "cut")
        self.assertEqual(daemon.metric("codexd_reader_held_total"), 0)
        self.assertNotIn(b"[DONE]", self.rest(connection))

    def test_one_that_reads_again_in_time_gets_its_answer_to_the_end(self) -> None:
        daemon = self.own(Setup(settings="[http]\nmax_queue_bytes = 262144\nhold_seconds = 20\n"))
        connection = self.stall(daemon.start().await_ready(), 15_000)
        until(lambda: daemon.metric("codexd_reader_held_total") == 1, "held")
        data = b""
        while b"[DONE]" not in data[-64:]:
            data += connection.recv(2**16)
        self.assertIn(b"word15000", data)
        self.assertEqual(daemon.metric("codexd_reader_cut_total"), 0)
