"""A model provider of Codex that cannot be connected to: said soon, refused at once, found again."""

import signal
import socketserver
import threading
import time
from pathlib import Path

from codexd.wire import sse
from codexd.wire.json import Json, decode
from tests.support import chat_stream, responses_stream
from tests.support.http_client import free_port
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess

UNREACHABLE_SECONDS = 3.0
SAID_SECONDS = UNREACHABLE_SECONDS + 8.0
"""From the request to its failure: Codex's own first attempts, the time, a check, and a loaded machine."""

BREAKER_SECONDS = 4.0
LIMITS = (
    f"[codex]\nunreachable_seconds = {UNREACHABLE_SECONDS}\nbreaker_seconds = {BREAKER_SECONDS}\n"
    "[models]\nrefresh_seconds = 3600\n"
)
OPEN = "codexd_codex_circuit_open"
TURNS = "codexd_turns_running"


class UnreachableTestCase(LiveTestCase):
    """A daemon whose configured provider has the given base URL."""

    def daemon_with(self, base_url: str, login: bool = False, codex: str = 'model = "scripted"\n') -> Daemon:
        server = self.new_daemon(DaemonSetup(account=True, login=login, codex=codex, settings=LIMITS))
        server.model = "gpt-5.5" if login else "scripted"
        config = Path(server.codex_home / "config.toml")
        config.write_text(config.read_text().replace(server.provider.url, base_url))
        return server.start().await_ready()

    def assert_unreachable(self, server: Daemon) -> None:
        """Assert that requests at every endpoint fail soon, then at once, and that the operator is told."""
        began = time.monotonic()
        paths: dict[str, Json] = {
            CHAT: server.chat_body("say: hi"),
            "/v1/completions": {"model": server.model, "prompt": "say: hi", "stream": True},
            RESPONSES: {"model": server.model, "input": "say: hi", "stream": True},
        }
        for refused in [server.call(path, body) for path, body in paths.items()]:
            answer = refused.read()
            self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unreachable"), answer.body)
            self.assertEqual(answer.headers["retry-after"], "5")
        self.assertLess(time.monotonic() - began, SAID_SECONDS)
        self.assertEqual((server.metric(TURNS), server.metric("codexd_watchdog_unreachable_total")), (0, 3))
        self.assert_refused_at_once(server)

    def assert_refused_at_once(self, server: Daemon) -> None:
        began = time.monotonic()
        answer = server.chat("say: hi")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "circuit_open"))
        self.assertLess(time.monotonic() - began, 1.0)
        self.assertTrue(1 <= int(answer.headers["retry-after"]) <= BREAKER_SECONDS)
        self.assertEqual((server.get("/readyz").status, server.metric(OPEN)), (503, 1))
        server.await_log("Circuit breaker of Codex's model provider is open for all requests")


class PlainText(socketserver.BaseRequestHandler):
    """Answers the first bytes of a connection with text."""

    def handle(self) -> None:
        self.request.recv(16)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class NoConnectionTests(UnreachableTestCase):
    def test_a_port_that_refuses_connections(self) -> None:
        self.assert_unreachable(self.daemon_with("http://127.0.0.1:1/v1"))

    def test_a_name_that_does_not_resolve(self) -> None:
        self.assert_unreachable(self.daemon_with("http://nowhere.invalid/v1"))

    def test_a_server_without_tls(self) -> None:
        self.assert_unreachable(self.daemon_with(f"https://127.0.0.1:{self.serve_plain_text()}/v1"))

    def serve_plain_text(self) -> int:
        """Serve something that is not TLS, in a thread; return the port."""
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), PlainText)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return int(server.server_address[1])


class ReturningProviderTests(UnreachableTestCase):
    def test_readiness_returns_with_the_provider_without_any_request(self) -> None:
        port = free_port()
        server = self.daemon_with(f"http://127.0.0.1:{port}/v1")
        self.assert_unreachable(server)
        time.sleep(BREAKER_SECONDS + 1)
        self.assertFalse(server.ready, "the provider is still down")
        provider = ProviderProcess(port)
        self.addCleanup(provider.stop)
        wait_until(lambda: server.ready, "ready again", 10.0)
        self.assertEqual((server.metric(OPEN), server.chat_text("say: hi")), (0, "hi"))
        server.await_log("can be reached again")

    def test_with_an_account_a_request_is_the_probe(self) -> None:
        port = free_port()
        server = self.daemon_with(f"http://127.0.0.1:{port}/v1", login=True, codex="")
        answer = server.chat("say: hi")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unreachable"), answer.body)
        provider = ProviderProcess(port)
        self.addCleanup(provider.stop)
        wait_until(lambda: server.ready, "half open or found", BREAKER_SECONDS + 10)
        self.assertEqual(server.chat_text("say: hi"), "hi")
        self.assertEqual(server.metric(OPEN), 0)

    def test_a_short_interruption_is_not_seen(self) -> None:
        port = free_port()
        server = self.daemon_with(f"http://127.0.0.1:{port}/v1")
        config = "[codex]\nunreachable_seconds = 15\n"
        (server.folder / "codexd.toml").write_text(config)
        server.end(signal.SIGTERM)
        server.start().await_ready()
        pending = server.call(CHAT, server.chat_body("say: hi"))
        wait_until(lambda: server.metric(TURNS) == 1, "under way")
        provider = ProviderProcess(port)
        self.addCleanup(provider.stop)
        self.assertEqual(pending.read().status, 200)
        self.assertEqual(server.metric(OPEN), 0)


class LostProviderTests(UnreachableTestCase):
    def test_a_provider_that_is_lost_in_the_middle_ends_the_streams_with_one_error(self) -> None:
        provider = ProviderProcess()
        text = "stream_max_retries = 2"
        server = self.new_daemon(DaemonSetup(account=True, login=False, codex='model = "scripted"\n', settings=LIMITS))
        server.model = "scripted"
        config = Path(server.codex_home / "config.toml")
        content = config.read_text().replace(server.provider.url, provider.url)
        config.write_text(content.replace("stream_max_retries = 0", text))
        server.start().await_ready()
        body = {"model": server.model, "input": "slow: 4000", "stream": True}
        chat = server.call(CHAT, server.chat_body("slow: 4000", stream=True)).frames()
        responses = server.call(RESPONSES, body).frames()
        begun = [next(chat)], [next(responses)]
        provider.end(signal.SIGKILL)
        lost = time.monotonic()
        streamed, events = [*begun[0], *chat], [*begun[1], *responses]
        self.assertLess(time.monotonic() - lost, SAID_SECONDS + 4)
        seen = chat_stream.read(b"".join(sse.encode_frame(frame.data) for frame in streamed))
        assert seen.error is not None
        self.assertEqual((seen.error["code"], seen.done), ("unreachable", False))
        answer = [decode(frame.data) for frame in events]
        responses_stream.check(answer)
        self.assertEqual(answer[-1]["type"], "response.failed")
        self.assert_refused_at_once(server)


class AnsweringProviderTests(UnreachableTestCase):
    def test_an_error_that_codex_retries_is_the_providers_and_no_outage(self) -> None:
        server = self.new_daemon(DaemonSetup(account=True, login=False, codex='model = "scripted"\n', settings=LIMITS))
        server.model = "scripted"
        config = Path(server.codex_home / "config.toml")
        config.write_text(config.read_text().replace("stream_max_retries = 0", "stream_max_retries = 6"))
        server.start().await_ready()
        server.provider.set_answers(b'{"error": {"message": "no"}}', 503)
        pending = server.call(CHAT, server.chat_body("say: hi"))
        time.sleep(UNREACHABLE_SECONDS + 2)
        server.provider.set_answers(b"", 0)
        self.assertEqual(pending.read().status, 200)
        self.assertEqual((server.metric(OPEN), server.metric("codexd_watchdog_unreachable_total")), (0, 0))
