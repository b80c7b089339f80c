"""codexd behind the real nginx with the configuration of etc/compose: TLS, and streams that are not held back."""

import ssl
from contextlib import closing
from http.client import HTTPSConnection
from typing import Any
from unittest import SkipTest

from openai import DefaultHttpxClient, OpenAI

from tests.support.live_daemon import CHAT, DaemonSetup, LiveTestCase, user
from tests.support.metric_samples import find_sample
from tests.support.nginx import PROGRAM, Nginx
from tests.support.processes import TIMEOUT_SECONDS, wait_until

KEY = "sk-proxy"


class NginxTests(LiveTestCase):
    daemon_setup = DaemonSetup(
        settings='[codex]\nmodel = "scripted"\n[http]\nkeepalive_seconds = 600\n', flags=("--api-key", KEY)
    )

    def setUp(self) -> None:
        if PROGRAM is None:
            raise SkipTest("nginx is not installed (Debian package nginx)")
        self.nginx = Nginx(self.daemon.folder, self.daemon.port)
        self.nginx.start()
        self.addCleanup(self.nginx.stop)
        self.trust = ssl.create_default_context(cafile=str(self.nginx.certificate))

    def client(self) -> OpenAI:
        http = DefaultHttpxClient(verify=self.trust)
        self.addCleanup(http.close)
        url = f"https://127.0.0.1:{self.nginx.port}/v1"
        return OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=20, http_client=http)

    def test_nginx_accepts_the_configuration(self) -> None:
        printed = self.nginx.check()
        self.assertIn("test is successful", printed)
        self.assertNotIn("[warn]", printed)

    def test_each_event_arrives_at_once(self) -> None:
        messages: Any = user("stall: hello")
        stream = self.client().chat.completions.create(model="scripted", messages=messages, stream=True)
        with closing(stream):
            # The model sends nothing more: an event that nginx held back would never arrive.
            text = ""
            for chunk in stream:
                text += chunk.choices[0].delta.content or ""
                if text == "hello":
                    break
            self.assertEqual(self.running(), 1)
        wait_until(lambda: self.running() == 0, "the turn ends when the client of nginx is gone")

    def running(self) -> float:
        body = self.daemon.get("/metrics", {"authorization": f"Bearer {KEY}"}).body
        return find_sample(body, "codexd_turns_running") or 0.0

    def test_errors_and_large_bodies_are_those_of_codexd(self) -> None:
        for body, expected in ((b"{", 400), (b" " * (66 << 20), 413)):
            status, answer = self.send("POST", CHAT, body)
            self.assertEqual(status, expected)
            self.assertIn(b'"error"', answer)

    def test_metrics_and_administration_are_not_public(self) -> None:
        for path in ("/metrics", "/admin/maintenance"):
            self.assertEqual(self.send("GET", path)[0], 404)
        self.assertEqual(self.send("GET", "/readyz")[0], 200)

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = HTTPSConnection("127.0.0.1", self.nginx.port, timeout=TIMEOUT_SECONDS, context=self.trust)
        self.addCleanup(connection.close)
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
