"""The unix sockets of a daemon that was killed, and sockets whose files somebody has removed."""

import os
import socket
from pathlib import Path
from signal import SIGKILL, SIGTERM

from tests.support.live_daemon import Daemon, DaemonSetup, LiveTestCase


class UnixSocketTests(LiveTestCase):
    daemon_setup = DaemonSetup(flags=("--listen", "unix:{folder}/h.sock"))

    def setUp(self) -> None:
        self.server = self.new_daemon()
        self.server.start().await_ready()
        self.sockets = (self.server.folder / "h.sock", self.server.folder / "state" / "codexd" / "control.sock")

    def connects(self, path: Path) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(os.path.relpath(path)) == 0

    def test_a_killed_daemon_keeps_no_socket_though_its_process_id_is_used_again(self) -> None:
        self.server.end(SIGKILL)
        for path in self.sockets:
            lock = path.with_name(f"{path.name}.lock")
            lock.unlink()
            lock.symlink_to(str(os.getpid()))
        self.server.start().await_ready()
        self.assertEqual([self.connects(path) for path in self.sockets], [True, True])

    def test_a_second_daemon_does_not_take_a_socket_in_use(self) -> None:
        second = Daemon(DaemonSetup(flags=("--listen", f"unix:{self.sockets[0]}")))
        self.addCleanup(second.discard)
        second.start()
        self.assertEqual(second.end(), 1)
        self.assertIn("cannot listen on unix:", second.log)
        self.assertTrue(self.connects(self.sockets[0]))

    def test_a_removed_socket_does_not_keep_the_daemon_from_closing_the_store(self) -> None:
        for path in self.sockets:
            path.unlink()
        self.server.end(SIGTERM)
        self.assertEqual(list(self.server.folder.rglob("responses.sqlite3-wal")), [])
        self.server.await_log("was not closed")
        self.server.start().await_ready()
        self.assertEqual([self.connects(path) for path in self.sockets], [True, True])
