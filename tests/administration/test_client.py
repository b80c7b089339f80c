"""The client of /admin against a server on a real unix socket and on a real port, in a thread."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from codexd.administration.client import AdminClient, AdminError
from codexd.wire import json

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n" + b'{"done":true}'
WRONG = b'HTTP/1.1 400 Bad Request\r\ncontent-length: 37\r\n\r\n{"error":{"message":"No such field"}}'
CONFLICT = b'HTTP/1.1 409 Conflict\r\ncontent-length: 18\r\n\r\n{"problems":["x"]}'
BARE = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\noops"


class AdminClientTests(SynchronousTestCase):
    def serve(self, listener: socket.socket, answer: bytes) -> None:
        """Answer one request and keep its bytes."""
        listener.listen()
        self.received = b""

        def answer_one() -> None:
            connection, _ = listener.accept()
            reader = connection.makefile("rb")
            while (line := reader.readline()) not in (b"\r\n", b""):
                self.received += line
            length = re.search(rb"(?i)content-length: (\d+)", self.received)
            self.received += reader.read(int(length[1]) if length else 0)
            connection.sendall(answer)
            connection.close()

        thread = Thread(target=answer_one)
        thread.start()
        self.addCleanup(listener.close)
        self.addCleanup(thread.join)

    def unix_client(self, answer: bytes) -> AdminClient:
        path = Path(mkdtemp()) / "s"
        self.addCleanup(path.unlink)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        self.serve(listener, answer)
        return AdminClient(path)

    def tcp_client(self, answer: bytes) -> AdminClient:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.serve(listener, answer)
        return AdminClient(url=f"http://127.0.0.1:{listener.getsockname()[1]}", key="root")

    def test_it_sends_a_request_and_returns_the_decoded_body(self) -> None:
        makers: tuple[Callable[[bytes], AdminClient], ...] = (self.unix_client, self.tcp_client)
        for make in makers:
            self.assertEqual(make(OK).call("POST", "maintenance", {"enabled": True}), {"done": True})
            self.assertIn(b"POST /admin/maintenance HTTP/1.1\r\n", self.received)
            self.assertIn(b'{"enabled":true}', self.received)
            self.assertEqual(b"authorization: Bearer root" in self.received, make == self.tcp_client)

    def test_an_error_is_raised_with_its_message(self) -> None:
        for answer, message in ((WRONG, "No such field"), (BARE, "Bad Gateway"), (CONFLICT, "Conflict")):
            with self.assertRaisesRegex(AdminError, message):
                self.unix_client(answer).call("GET", "maintenance")

    def test_an_error_about_the_key_says_how_to_set_it(self) -> None:
        for status, message, hints in (
            ("404 Not Found", "Unknown request URL. This is codexd", ("only on the control socket", "--admin yes")),
            ("401 Unauthorized", "Incorrect or missing API key.", ("CODEXD_ADMIN_KEY",)),
            ("403 Forbidden", "This API key may not administer the server.", ("CODEXD_ADMIN_KEY",)),
        ):
            body = json.encode({"error": {"message": message}})
            answer = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
            error = self.assertRaises(AdminError, self.tcp_client(answer).call, "GET", "requests")
            for hint in hints:
                self.assertIn(hint, str(error))
            self.assertNotIn("This is codexd", str(error))

    def test_a_request_that_is_not_remembered_is_not_about_the_key(self) -> None:
        body = b'{"error":{"message":"No request with this id is remembered."}}'
        answer = f"HTTP/1.1 404 Not Found\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        error = self.assertRaises(AdminError, self.tcp_client(answer).call, "GET", "requests/req_1")
        self.assertNotIn("CODEXD_ADMIN_KEY", str(error))

    def test_the_daemon_is_described_by_its_socket_and_process_or_by_its_url(self) -> None:
        client = self.unix_client(OK)
        self.assertEqual(client.describe(), f"{client.path} (pid {os.getpid()})")
        self.assertEqual(AdminClient(url="http://127.0.0.1:1").describe(), "http://127.0.0.1:1")
        self.assertRaises(AdminError, AdminClient(Path("/nowhere/s")).describe)

    def test_an_accepted_error_is_returned(self) -> None:
        self.assertEqual(self.unix_client(CONFLICT).call("POST", "reload", accept=(409,)), {"problems": ["x"]})

    def test_what_does_not_answer_is_named(self) -> None:
        for client, named in (
            (AdminClient(Path("/nowhere/s")), "no codexd answers at /nowhere/s: No such file or directory"),
            (AdminClient(url="http://127.0.0.1:1"), "no codexd answers at http://127.0.0.1:1: Connection refused"),
            (AdminClient(), "admin.socket is empty"),
            (AdminClient(url="ftp://x"), "'ftp://x' is not an http:// or https:// address"),
        ):
            with self.assertRaises(AdminError) as failed:
                client.call("GET", "maintenance")
            self.assertIn(named, str(failed.exception))
