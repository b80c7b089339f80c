"""Responses that nobody reads, and large requests: memory stays within its budgets and is given back."""

import base64
import os
import socket
import time

from tests.support.live_daemon import CHAT, RESPONSES, DaemonSetup, LiveTestCase
from tests.support.processes import resident_bytes, wait_until

MEGABYTE = 2**20
CLIENTS, ITEMS, ITEM_BYTES = 40, 100, 50 * 2**10
"""Each client asks for about 5 MB."""

BUDGET_BYTES = 40 * MEGABYTE
SETTINGS = f"""\
[http]
max_unsent_bytes = {BUDGET_BYTES}
write_timeout_seconds = 3

[turns]
affinity_limit = 3
"""


class UnreadBodyTests(LiveTestCase):
    def test_bodies_that_nobody_reads_stay_within_their_budget_and_are_given_back(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings=SETTINGS)).start().await_ready()
        items = [{"role": "user", "content": "x" * ITEM_BYTES} for _ in range(ITEMS)]
        created = daemon.post(RESPONSES, {"model": daemon.model, "input": [*items, *self.user("say: hi")]})
        path = f"{RESPONSES}/{created.json['id']}/input_items?limit=100"
        before = resident_bytes(daemon.pid)
        for _ in range(CLIENTS):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", daemon.port))
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        wait_until(lambda: daemon.metric("codexd_unsent_bytes") > BUDGET_BYTES / 2, "bodies wait")
        self.assertLessEqual(daemon.metric("codexd_unsent_bytes"), BUDGET_BYTES)
        wait_until(lambda: "busy" in daemon.log, "one is refused")
        self.assertEqual(daemon.chat_text("say: all well"), "all well")
        wait_until(lambda: daemon.metric("codexd_unsent_bytes") == 0, "the clients are disconnected")
        daemon.await_log("slow_client")
        wait_until(lambda: resident_bytes(daemon.pid) - before < 20 * MEGABYTE, "the memory is given back")

    def test_the_memory_of_large_requests_is_given_back(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings=SETTINGS)).start().await_ready()
        daemon.chat_text("say: warm")
        before = resident_bytes(daemon.pid)
        image = "data:image/png;base64," + base64.b64encode(os.urandom(3 * MEGABYTE)).decode()
        content = [{"type": "image_url", "image_url": {"url": image}} for _ in range(6)]
        for _ in range(3):
            body = daemon.chat_body([{"role": "user", "content": [*content, {"type": "text", "text": "say: hi"}]}])
            self.assertEqual(daemon.post(CHAT, body).status, 200)
        time.sleep(1)
        wait_until(lambda: resident_bytes(daemon.pid) - before < 20 * MEGABYTE, "the memory is given back")

    def user(self, text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": text}]
