"""Connections that are odd or not HTTP/1.1, over real sockets to a real daemon."""

import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from tests.support.in_memory_server import Response, chat, parse, request
from tests.support.live_daemon import CHAT, RESPONSES, DaemonSetup, LiveTestCase
from tests.support.processes import TIMEOUT_SECONDS, wait_until
from tests.support.raw_requests import BAD, GOOD

SOCKET = Path(tempfile.gettempdir()) / f"codexd-edges-{id(object)}.sock"
SETUP = DaemonSetup(account=True, flags=("--listen", f"unix:{SOCKET}"))
WORDS = 12
PROMPT = f"slow: {WORDS}"


class RealConnections(LiveTestCase):
    """Opens connections to the daemon's TCP port and to its Unix socket."""

    daemon_setup = SETUP

    def connect(self, unix: bool = False) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.addCleanup(connection.close)
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(str(SOCKET) if unix else ("127.0.0.1", self.daemon.port))
        return connection

    def read_to_end(self, connection: socket.socket) -> bytes:
        received = b""
        while data := connection.recv(2**16):
            received += data
        return received

    def post(self, path: str, stream: bool, prompt: str = PROMPT) -> bytes:
        """Encode a request of the daemon's model."""
        asked = {"input": prompt} if path == RESPONSES else chat(messages=[{"role": "user", "content": prompt}])
        return request("POST", path, asked | {"model": self.daemon.model, "stream": stream})


class HalfCloseTests(RealConnections):
    """A client that closes its sending direction after its request."""

    def answers(self, path: str, stream: bool, unix: bool) -> Response:
        connection = self.connect(unix)
        connection.sendall(self.post(path, stream))
        connection.shutdown(socket.SHUT_WR)
        *probes, response = parse(self.read_to_end(connection))
        self.assertEqual({probe.status for probe in probes}, {100})
        return response

    def test_it_gets_its_whole_response(self) -> None:
        for path in (CHAT, RESPONSES):
            for unix in (False, True):
                response = self.answers(path, False, unix)
                self.assertEqual((response.status, response.whole), (200, True))
                self.assertIn(b"w" if path == CHAT else b'"status":"completed"', response.body)

    def test_it_gets_its_whole_stream(self) -> None:
        for path in (CHAT, RESPONSES):
            for unix in (False, True):
                response = self.answers(path, True, unix)
                self.assertTrue(response.whole)
                last = response.events[-1]
                self.assertTrue(last == "[DONE]" or last["type"] == "response.completed")

    def test_a_half_closed_client_that_disconnects_stops_the_model(self) -> None:
        daemon = self.daemon
        for stream in (False, True):
            for unix in (False, True):
                connection = self.connect(unix)
                connection.sendall(self.post(CHAT, stream, "slow: 400"))
                wait_until(lambda: daemon.provider.open == 1, "the model answers")
                connection.shutdown(socket.SHUT_WR)
                self.assertIn(b"\r\n\r\n", connection.recv(2**16))  # a probe
                self.assertEqual(daemon.provider.open, 1)
                connection.close()
                wait_until(lambda: daemon.provider.open == 0, "the model stops")

    def test_many_requests_in_one_direction_are_all_answered(self) -> None:
        connection = self.connect()
        connection.sendall(self.post(CHAT, False, "say: one") + self.post(CHAT, False, "say: two"))
        connection.shutdown(socket.SHUT_WR)
        found = [one for one in parse(self.read_to_end(connection)) if one.status != 100]
        self.assertEqual([one.json["choices"][0]["message"]["content"] for one in found], ["one", "two"])


class RawRequestTests(RealConnections):
    def test_every_request_of_the_table_over_a_real_connection(self) -> None:
        for raw in (*GOOD, *BAD):
            connection = self.connect()
            connection.sendall(raw.data)
            if raw.statuses:
                connection.shutdown(socket.SHUT_WR)
            else:
                connection.close()
                continue
            methods = ("HEAD",) if raw.data.startswith(b"HEAD") else ()
            found = tuple(response.status for response in parse(self.read_to_end(connection), methods))
            self.assertEqual(found, raw.statuses, raw.name)
        self.assertEqual(self.daemon.get("/livez").status, 200)
        self.assertNotIn("Traceback", self.daemon.log)

    def test_any_host_may_be_named_over_the_unix_socket(self) -> None:
        connection = self.connect(unix=True)
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: any.example\r\nconnection: close\r\n\r\n")
        self.assertTrue(self.read_to_end(connection).startswith(b"HTTP/1.1 200 OK\r\n"))


@unittest.skipIf(shutil.which("curl") is None, "curl is not installed")
class CurlTests(RealConnections):
    def curl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["curl", "-sS", "-m", "20", *arguments], capture_output=True, text=True, check=False)

    def test_http_2_with_prior_knowledge_is_repeated_over_http_1(self) -> None:
        url = f"http://127.0.0.1:{self.daemon.port}/livez"
        done = self.curl("--http2-prior-knowledge", "-w", "%{http_code} %{http_version}", url)
        self.assertTrue(done.stdout.endswith("200 1.1"), done)

    def test_http_2_by_upgrade_is_answered_as_http_1(self) -> None:
        done = self.curl("--http2", "-w", "%{http_code}", f"http://127.0.0.1:{self.daemon.port}/livez")
        self.assertTrue(done.stdout.endswith("200"), done)

    def test_https_fails_at_once(self) -> None:
        done = self.curl("-k", f"https://127.0.0.1:{self.daemon.port}/livez")
        self.assertEqual(done.returncode, 35, done)
