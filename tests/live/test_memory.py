"""Memory stays where it is, however many answers were given."""

from codexd.wire.json import Json
from tests.support.live import CHAT, Daemon, LiveTestCase
from tests.support.system import resident_bytes, until

TURNS, AT_ONCE = 300, 6
GROWTH_BYTES = 20 * 2**20
"""Promised over 1,000 turns, each of which would take a megabyte if its thread were left."""

TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


class MemoryTests(LiveTestCase):
    def turns(self, daemon: Daemon, name: str, count: int) -> None:
        """Have that many conversations, some of them whole, some streamed, some left in a tool call."""
        for start in range(0, count, AT_ONCE):
            calls = []
            for number in range(start, start + AT_ONCE):
                said = (
                    f'call: look {{"at":"{name} {number}"}}' if number % 50 == 1 else f"say: {name} {number}"
                )
                asked = daemon.question(said, tools=[TOOL], stream=number % 3 == 0)
                calls.append(daemon.call(CHAT, asked))
            for call in calls:
                self.assertEqual(call.answer().status, 200)

    def test_many_quick_turns_grow_neither_the_child_nor_the_daemon(self) -> None:
        daemon = self.daemon
        self.turns(daemon, "first", 90)
        (child,) = daemon.children
        before = {pid: resident_bytes(pid) for pid in (child, daemon.pid)}
        self.turns(daemon, "then", TURNS)
        until(lambda: daemon.metric("codexd_requests_running") == 0, "all over")
        for pid, size in before.items():
            self.assertLess(resident_bytes(pid) - size, GROWTH_BYTES)
        self.assertEqual(daemon.children, [child])
