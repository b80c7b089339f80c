"""Memory does not grow with the number of answers."""

from tests.support.live_daemon import CHAT, Daemon, LiveTestCase
from tests.support.processes import resident_bytes, wait_until

TURNS, AT_ONCE = 300, 2
GROWTH_BYTES = 20 * 2**20
"""The allowed growth. A thread left in the child would take a megabyte."""


class MemoryTests(LiveTestCase):
    def turns(self, daemon: Daemon, name: str, count: int) -> None:
        """Run this many turns, streamed and not."""
        for start in range(0, count, AT_ONCE):
            asked = [
                daemon.chat_body(f"say: {name} {number}", stream=number % 3 == 0)
                for number in range(start, start + AT_ONCE)
            ]
            for call in [daemon.call(CHAT, question) for question in asked]:
                self.assertEqual(call.read().status, 200)

    def test_many_turns_do_not_grow_child_or_daemon(self) -> None:
        daemon = self.daemon
        self.turns(daemon, "first", 60)
        (child,) = daemon.children
        before = {pid: resident_bytes(pid) for pid in (child, daemon.pid)}
        self.turns(daemon, "then", TURNS)
        wait_until(lambda: daemon.metric("codexd_requests_running") == 0, "all over")
        for pid, size in before.items():
            self.assertLess(resident_bytes(pid) - size, GROWTH_BYTES)
        self.assertEqual(daemon.children, [child])
