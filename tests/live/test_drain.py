"""SIGTERM while clients read, upload, stream and replay; a child or an upstream ends meanwhile."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

from codexd.wire.json import decode, encode
from codexd.wire.sse import SseFrame, encode_frame
from tests.support import chat_stream
from tests.support.chat_stream import ChatStream
from tests.support.http_client import PendingRequest, open_unread_request
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase, user
from tests.support.media_upstream import MediaUpstream
from tests.support.processes import TIMEOUT_SECONDS, wait_until
from tests.support.provider_process import ProviderProcess

MODELS = ("scripted", "near/scripted")
LARGE = 8 * 2**20
"""Of a body that no kernel buffer takes as a whole, in bytes."""

UNSENT = "codexd_unsent_bytes"

_SETTINGS = """\
[http]
pause_seconds = 20

[codex]
model = "scripted"
drain_seconds = {seconds}

[[upstream]]
name = "near"
base_url = "{url}"
prefix = "near/"
retries = 0

[[upstream]]
name = "media"
base_url = "{media}"
pass_through = ["audio"]
models = ["large", "slow"]
"""


class DrainTestCase(LiveTestCase):
    def setUp(self) -> None:
        self.provider, self.media = ProviderProcess(), MediaUpstream()
        self.addCleanup(self.provider.stop)
        self.addCleanup(self.media.stop)

    def start(self, seconds: float = 40) -> Daemon:
        """Start a daemon with this drain time."""
        settings = _SETTINGS.format(seconds=seconds, url=self.provider.url, media=self.media.url)
        daemon = self.new_daemon(DaemonSetup(settings=settings)).start().await_ready()
        wait_until(lambda: daemon.metric("codexd_children_up") == 1, "Codex is up")
        return daemon

    def stop(self, daemon: Daemon) -> None:
        """Send SIGTERM and wait until the drain has begun."""
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: "Stopping: " in daemon.log, "stopping")

    def unread(self, daemon: Daemon, path: str, body: object) -> socket.socket:
        connection = open_unread_request(daemon.port, path, encode(body))  # type: ignore[arg-type]
        self.addCleanup(connection.close)
        return connection


def stream(daemon: Daemon, model: str, text: str) -> Iterator[SseFrame]:
    """Start a stream whose frames are read later."""
    return daemon.call(CHAT, {"model": model, "messages": user(text), "stream": True}).frames()


def read(frames: Iterator[SseFrame]) -> ChatStream:
    """Read a chat stream to its end."""
    return chat_stream.read(b"".join(encode_frame(frame.data) for frame in frames))


def drip(connection: socket.socket, seconds: float, step: int = 2**17) -> bytes:
    """Read to the end, slowly: the whole takes at least `seconds` for LARGE bytes."""
    data = b""
    while piece := connection.recv(step):
        data += piece
        time.sleep(seconds * len(piece) / LARGE)
    return data


class LastByteTests(DrainTestCase):
    """The daemon stops when the last client has its last byte."""

    def test_a_large_body_reaches_a_client_that_reads_slowly(self) -> None:
        daemon = self.start()
        text = "a" * LARGE
        connection = self.unread(daemon, CHAT, {"model": "near/scripted", "messages": user(f"say: {text}")})
        wait_until(lambda: daemon.metric(UNSENT), "done")
        self.stop(daemon)
        head, _, body = drip(connection, 3).partition(b"\r\n\r\n")
        self.assertIn(f"content-length: {len(body)}".encode(), head.lower())
        self.assertEqual(decode(body)["choices"][0]["message"]["content"], text)
        self.assertEqual(daemon.end(), -signal.SIGTERM)
        self.assertNotIn("closed before their clients", daemon.log)

    def test_a_large_stream_reaches_a_client_that_reads_slowly(self) -> None:
        for model, words in (("scripted", 15_000), ("near/scripted", 20_000)):
            daemon = self.start()
            body = {"model": model, "messages": user(f"long: {words}"), "stream": True}
            connection = self.unread(daemon, CHAT, body)
            connection.recv(1)
            self.stop(daemon)
            data = drip(connection, 1)
            self.assertIn(f"word{words}".encode(), data)
            self.assertTrue(data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), data[-60:])
            self.assertEqual(daemon.end(), -signal.SIGTERM)

    def test_a_forwarded_response_reaches_a_client_that_reads_slowly(self) -> None:
        daemon = self.start()
        connection = self.unread(daemon, "/v1/audio/speech", {"model": "large", "input": "x", "voice": "a"})
        self.assertEqual(connection.recv(1), b"H")
        self.stop(daemon)
        head, _, body = drip(connection, 1).partition(b"\r\n\r\n")
        (length,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")] or [b": 0"]
        self.assertGreater(len(body), 2**20)
        if length != b": 0":
            self.assertEqual(len(body), int(length.partition(b":")[2]))
        else:
            self.assertTrue(body.endswith(b"0\r\n\r\n"))
        self.assertEqual(daemon.end(), -signal.SIGTERM)

    def test_a_replay_and_its_background_answer_finish(self) -> None:
        for model in MODELS:
            daemon = self.start()
            body = {"model": model, "input": "slow: 20", "background": True}
            id = daemon.post(RESPONSES, body).json["id"]
            frames = _get(daemon, f"{RESPONSES}/{id}?stream=true")
            first = next(frames)
            self.stop(daemon)
            events = [decode(frame.data) for frame in (first, *frames)]
            self.assertEqual(events[-1]["type"], "response.completed")
            self.assertEqual(daemon.end(), -signal.SIGTERM)

    def test_idle_connections_do_not_delay_the_stop(self) -> None:
        daemon = self.start()
        idle = socket.create_connection(("127.0.0.1", daemon.port))
        self.addCleanup(idle.close)
        idle.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        self.assertIn(b"200 OK", idle.recv(2**16))
        began = time.monotonic()
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        self.assertEqual(idle.recv(1), b"")
        self.assertLess(time.monotonic() - began, 10)


class UploadTests(DrainTestCase):
    def test_a_half_uploaded_body_is_answered(self) -> None:
        daemon = self.start()
        running = stream(daemon, "scripted", "slow: 40")
        next(running)
        connection = socket.create_connection(("127.0.0.1", daemon.port), timeout=TIMEOUT_SECONDS)
        self.addCleanup(connection.close)
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b'content-length: 1000000\r\n\r\n{"model":' + b" " * 500_000
        )
        self.stop(daemon)
        data = b""
        while piece := connection.recv(2**16):
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 503 "), head)
        for line in (b"retry-after: 5", b"connection: close"):
            self.assertIn(line, head.lower())
        self.assertEqual(decode(body)["error"]["code"], "shutting_down")
        self.assertTrue(read(running).done)
        self.assertEqual(daemon.end(), -signal.SIGTERM)


class FaultTests(DrainTestCase):
    """Something else ends during the drain: every stream has one terminal event, and the daemon stops."""

    def inject(self, model: str, fault: Callable[[Daemon], None]) -> tuple[ChatStream, object]:
        daemon = self.start()
        frames = stream(daemon, model, "slow: 400")
        first = next(frames)
        events = daemon.call(RESPONSES, {"model": model, "input": "slow: 400", "stream": True}).frames()
        begun = next(events)
        whole = daemon.call(CHAT, {"model": model, "messages": user("slow: 400")})
        wait_until(lambda: daemon.metric("codexd_requests_running") == 3, "all run")
        self.stop(daemon)
        began = time.monotonic()
        fault(daemon)
        seen = read(iter((first, *frames)))
        responses = [decode(frame.data) for frame in (begun, *events)]
        self.assertEqual([event["type"] for event in responses[-1:]], ["response.failed"])
        refused = whole.read()
        self.assertEqual(daemon.end(), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 15)
        assert seen.error is not None
        return seen, refused.status

    def test_the_child_is_killed(self) -> None:
        seen, status = self.inject("scripted", lambda daemon: os.kill(daemon.children[0], signal.SIGKILL))
        assert seen.error is not None
        self.assertEqual((seen.error["code"], seen.done, status), ("child_died", False, 503))

    def test_the_upstream_is_cut(self) -> None:
        seen, status = self.inject("near/scripted", lambda daemon: self.provider.stop())
        self.assertFalse(seen.done)
        self.assertIn(status, (502, 503))  # cut, or not connected again before its first event

    def test_the_clients_disconnect(self) -> None:
        for model in MODELS:
            daemon = self.start()
            body = {"model": model, "messages": user("slow: 400"), "stream": True}
            connection = self.unread(daemon, CHAT, body)
            connection.recv(1)
            self.stop(daemon)
            began = time.monotonic()
            connection.close()
            self.assertEqual(daemon.end(), -signal.SIGTERM)
            self.assertLess(time.monotonic() - began, 10)


class DeadlineTests(DrainTestCase):
    def test_answers_that_take_too_long_have_one_terminal_event(self) -> None:
        for model in MODELS:
            daemon = self.start(seconds=0.5)
            frames = stream(daemon, model, "slow: 400")
            first = next(frames)
            events = daemon.call(RESPONSES, {"model": model, "input": "slow: 400", "stream": True}).frames()
            begun = next(events)
            whole = daemon.call(CHAT, {"model": model, "messages": user("slow: 400")})
            wait_until(lambda daemon=daemon: daemon.metric("codexd_requests_running") == 3, "all run")
            self.stop(daemon)
            seen = read(iter((first, *frames)))
            assert seen.error is not None
            self.assertEqual((seen.error["code"], seen.done), ("shutting_down", False))
            responses = [decode(frame.data)["type"] for frame in (begun, *events)]
            self.assertEqual(responses[-1], "response.failed")
            self.assertEqual(responses.count("response.failed"), 1)
            refused = whole.read()
            self.assertEqual((refused.status, refused.headers["retry-after"]), (503, "5"))
            self.assertEqual(daemon.end(), -signal.SIGTERM)

    def test_a_slow_reader_gets_its_backlog_and_the_terminal_event(self) -> None:
        daemon = self.start(seconds=1)
        body = {"model": "near/scripted", "messages": user("pace: 1\nlong: 30000"), "stream": True}
        connection = self.unread(daemon, CHAT, body)
        connection.recv(1)
        self.stop(daemon)
        time.sleep(1.2)  # the time is up, and the client has read nothing
        data = drip(connection, 0)
        self.assertEqual(data.count(b'"shutting_down"'), 1, data[-300:])
        self.assertTrue(data.endswith(b"0\r\n\r\n"))
        self.assertEqual(daemon.end(), -signal.SIGTERM)

    def test_a_client_that_reads_nothing_does_not_stop_the_stop(self) -> None:
        daemon = self.start(seconds=0.5)
        self.unread(daemon, CHAT, {"model": "near/scripted", "messages": user("say: " + "a" * LARGE)})
        wait_until(lambda: daemon.metric(UNSENT), "done")
        began = time.monotonic()
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 10)
        daemon.await_log("1 connections were closed before their clients had read everything")


def _get(daemon: Daemon, path: str) -> Iterator[SseFrame]:
    """Stream the response to a GET request."""
    return _Get(daemon.port, path).frames()


class _Get(PendingRequest):
    """A GET request whose response is read later."""

    def __init__(self, port: int, path: str) -> None:
        from http.client import HTTPConnection

        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._connection.request("GET", path)
