"""Tests of the command in a process of its own."""

import signal
import socket
import subprocess
import sys
from urllib.request import Request, urlopen

from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.json import decode


def start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "codexd.scripted", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class CommandTests(SynchronousTestCase):
    def started(self, *arguments: str) -> "subprocess.Popen[str]":
        process = start(*arguments)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_it_prints_its_url_serves_and_stops_on_a_signal(self) -> None:
        process = self.started()
        assert process.stdout is not None
        base = process.stdout.readline().strip()
        self.assertRegex(base, r"^http://127\.0\.0\.1:\d+/v1$")
        request = Request(base + "/responses", b'{"input": "say: hi"}')
        with urlopen(request, timeout=10) as response:
            self.assertEqual(decode(response.read())["status"], "completed")
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=10)
        self.assertEqual((process.returncode, out, error), (0, "", ""))

    def test_an_address_in_use_is_reported_in_one_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            process = self.started("--port", port)
            out, error = process.communicate(timeout=10)
        self.assertEqual((process.returncode, out), (1, ""))
        self.assertRegex(error, rf"^cannot listen on 127\.0\.0\.1 port {port}: .+\n$")
