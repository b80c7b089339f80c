"""Tests of codexd.stale_socket."""

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from codexd.stale_socket import find_socket, remove_stale_socket


class RemoveTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(dir="/tmp")  # the path of a unix socket is short
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "s"
        self.lock = Path(folder.name) / "s.lock"

    def bind(self) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(self.path))
        server.listen(0)
        return server

    def lock_by(self, pid: int) -> None:
        self.lock.symlink_to(str(pid))

    def left(self) -> list[str]:
        return sorted(os.listdir(self.path.parent))

    def test_nothing_is_no_error(self) -> None:
        remove_stale_socket(self.path)
        self.assertEqual(self.left(), [])

    def test_a_socket_without_listener_is_removed_whoever_has_its_process_id_now(self) -> None:
        self.bind().close()
        self.lock_by(os.getpid())
        remove_stale_socket(self.path)
        self.assertEqual(self.left(), [])

    def test_a_lock_without_socket_is_removed(self) -> None:
        self.lock_by(os.getpid())
        remove_stale_socket(self.path)
        self.assertEqual(self.left(), [])

    def test_a_socket_in_use_stays_also_while_connections_wait_for_it(self) -> None:
        self.bind()
        self.lock_by(os.getpid())
        for _ in range(3):
            remove_stale_socket(self.path)
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.setblocking(False)
            client.connect_ex(str(self.path))
        self.assertEqual(self.left(), ["s", "s.lock"])

    def test_a_file_that_is_no_socket_stays(self) -> None:
        self.path.write_text("mine")
        self.lock_by(os.getpid())
        remove_stale_socket(self.path)
        self.assertEqual(self.left(), ["s", "s.lock"])


class FindTests(SynchronousTestCase):
    def test_the_path_of_an_endpoint(self) -> None:
        for description, path in (
            ("unix:/run/a.sock", "/run/a.sock"),
            ("unix:/run/a.sock:mode=660:backlog=5", "/run/a.sock"),
            ("unix:address=/run/a", "/run/a"),
            (r"haproxy:unix:/run/a\:b", "/run/a:b"),
        ):
            self.assertEqual(find_socket(description), Path(path))
        for other in ("tcp:11435:interface=127.0.0.1", "systemd:domain=UNIX:index=0", "tcp6:1:interface=\\:\\:1"):
            self.assertIsNone(find_socket(other))
