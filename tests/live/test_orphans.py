"""No process outlives the daemon, even one whose parents ended before it."""

import signal
from pathlib import Path

from tests.support import sandbox_host
from tests.support.live_daemon import DaemonSetup, LiveTestCase
from tests.support.processes import children, is_running, wait_until

KILLED = "codexd_child_orphans_killed_total"
# In a session of its own, because Codex kills the process group of a server that has ended.
LEFT_RUNNING = 'command = "sh"\nargs = ["-c", "setsid sleep 300 > /dev/null 2>&1 & echo $! > {folder}/left; exit 1"]\n'
# Codex kills the program that supervises a sandbox; if it does so early, the program in the sandbox goes on.
IN_NAMESPACE = """command = "sh"
args = ["-c", '''
setsid unshare --user --map-root-user --pid --fork sleep 300 > /dev/null 2>&1 &
until child=$(cat /proc/$!/task/$!/children) && [ -n "$child" ]; do sleep 0.02; done
sleep 0.2; kill -KILL $!; echo $child > {folder}/left; exit 1
''']
"""
ALIAS = """
[[models.alias]]
name = "agent"
model = "gpt-5.5"
profile = "agent"
workspace = "{folder}/workspace"
"""


class OrphanTests(LiveTestCase):
    skip = sandbox_host.missing()

    def leave(self, server: str) -> int:
        """Let an MCP server of an agent's thread leave a process behind, and return its pid."""
        config = f"[mcp_servers.leaving]\n{server}".replace("{folder}", str(self.own.folder))
        (self.own.codex_home / "config.toml").open("a").write(config)
        self.own.start().await_ready()
        wait_until(lambda: self.own.metric("codexd_children_up") == 2, "the plain child and the agents'")
        self.own.chat("say: hi", model="agent")
        left = Path(self.own.folder / "left")
        wait_until(lambda: left.exists() and left.read_text().strip(), "it is left behind")
        return int(left.read_text())

    def setUp(self) -> None:
        self.own = self.new_daemon(DaemonSetup(account=True, settings=ALIAS))

    def test_a_stop_kills_what_was_left_running(self) -> None:
        pid = self.leave(LEFT_RUNNING)
        wait_until(lambda: pid in children(self.own.pid), "the daemon is its parent")
        self.assertEqual(self.own.metric(KILLED), 0)
        self.own.end(signal.SIGTERM)
        self.assertFalse(is_running(pid))

    def test_commands_that_lost_their_sandbox_s_supervisor_are_killed_within_seconds(self) -> None:
        pid = self.leave(IN_NAMESPACE)
        wait_until(lambda: not is_running(pid), "it is killed", 15)
        self.assertGreaterEqual(self.own.metric(KILLED), 1)
