"""Memory stays where it is, however many answers were given."""

from tests.support.live import CHAT, Daemon, LiveTestCase
from tests.support.system import resident_bytes, until

TURNS, AT_ONCE = 300, 2
GROWTH_BYTES = 20 * 2**20
"""Promised over 1,000 turns; each would take a megabyte if its thread were left in the child."""


class MemoryTests(LiveTestCase):
    def turns(self, daemon: Daemon, name: str, count: int) -> None:
        """Have that many conversations, whole and streamed."""
        for start in range(0, count, AT_ONCE):
            asked = [
                daemon.question(f"say: {name} {number}", stream=number % 3 == 0)
                for number in range(start, start + AT_ONCE)
            ]
            for call in [daemon.call(CHAT, question) for question in asked]:
                self.assertEqual(call.answer().status, 200)

    def test_many_quick_turns_grow_neither_the_child_nor_the_daemon(self) -> None:
        daemon = self.daemon
        self.turns(daemon, "first", 60)
        (child,) = daemon.children
        before = {pid: resident_bytes(pid) for pid in (child, daemon.pid)}
        self.turns(daemon, "then", TURNS)
        until(lambda: daemon.metric("codexd_requests_running") == 0, "all over")
        for pid, size in before.items():
            self.assertLess(resident_bytes(pid) - size, GROWTH_BYTES)
        self.assertEqual(daemon.children, [child])
