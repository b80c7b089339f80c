"""Large bodies are decoded in a thread; no body is answered with a failure of the server."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import zstandard
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.body import SMALL_BYTES
from codexd.settings import ApiKey, Http
from codexd.wire import json
from tests.support.hostile_bodies import (
    CHAT,
    COMPLETIONS,
    RESPONSES,
    compressed_bodies,
    hostile_values,
    with_field,
)
from tests.support.in_memory_server import Connection, InMemoryServer, chat

SMALL = chat()
LARGE = chat(messages=[{"role": "user", "content": "a" * SMALL_BYTES}])


class DelayedThread:
    """Runs work when the test says so, as a thread does later."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def run(self, work: Callable[[], Any]) -> "Deferred[Any]":
        """Keep the work."""
        result: Deferred[Any] = Deferred(lambda _: None)
        self.waiting.append((work, result))
        return result

    def finish(self) -> None:
        """Run the work that waits."""
        waiting, self.waiting = self.waiting, []
        for work, result in waiting:
            try:
                value = work()
            except Exception:
                value = Failure()
            if not result.called:
                result.callback(value)


class ThreadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.thread = DelayedThread()
        self.server = InMemoryServer(run_in_thread=self.thread.run)

    def send(self, body: Any, path: str = CHAT, **headers: str) -> Connection:
        connection = self.server.connect()
        connection.request("POST", path, body, **headers)
        return connection

    def test_a_small_body_is_decoded_at_once(self) -> None:
        self.send(SMALL)
        self.send(zstandard.compress(json.encode(SMALL)), content_encoding="zstd")
        self.assertEqual((len(self.server.backend.turns), self.thread.waiting), (2, []))

    def test_a_large_one_in_the_thread_also_if_it_is_large_only_once_decompressed(self) -> None:
        for body, headers in (
            (LARGE, {}),
            (zstandard.compress(json.encode(LARGE)), {"content_encoding": "zstd"}),
        ):
            before = len(self.server.backend.turns)
            self.send(body, **headers)
            self.assertEqual((len(self.server.backend.turns) - before, len(self.thread.waiting)), (0, 1))
            self.thread.finish()
            begun = self.server.backend.turns[before:]
            self.assertEqual([one.context.is_large for one in begun], [True])

    def test_its_error_is_the_same(self) -> None:
        for path in (CHAT, COMPLETIONS, RESPONSES, "/v1/embeddings", "/v1/conversations", "/v1/moderations"):
            connection = self.send(b"[" + b" " * SMALL_BYTES + b"]", path)
            self.thread.finish()
            self.assertEqual(connection.response.status, 400, path)
            self.assertIn("must be a JSON object", connection.response.error["message"])

    def test_a_client_that_disconnects_meanwhile_starts_nothing(self) -> None:
        self.send(LARGE).disconnect()
        self.thread.finish()
        self.assertEqual(self.server.backend.turns, [])
        self.assertEqual([record.outcome for record in self.server.log.records], ["client_disconnected"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_client_that_disconnects_meanwhile_leaves_no_tokens_reserved(self) -> None:
        alice = ApiKey(name="alice", sha256=sha256(b"sk-alice").hexdigest(), tokens_per_minute=10**6)
        self.server = InMemoryServer(keys=(alice,), run_in_thread=self.thread.run)
        meter = self.server.front.meters.find("alice")
        assert meter is not None
        for disconnects, reserves in ((True, False), (False, True)):
            connection = self.send(LARGE, authorization="Bearer sk-alice")
            if disconnects:
                connection.disconnect()
            self.thread.finish()
            self.assertEqual(bool(meter.reserved), reserves)

    def test_a_server_that_stops_meanwhile_refuses_the_request(self) -> None:
        connection = self.send(LARGE)
        self.server.drain.run()
        self.thread.finish()
        self.assertEqual((connection.response.status, self.server.backend.turns), (503, []))


class HostileBodyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def assert_no_failure(self, path: str, body: bytes, title: str, **headers: str) -> None:
        connection = self.server.connect()
        connection.request("POST", path, body, **headers)
        for response in connection.responses():
            self.assertLess(response.status, 500, title)
            if response.status >= 400:
                self.assertTrue(response.error["message"], title)
        connection.disconnect()

    def test_no_value_of_any_field_is_a_failure_of_the_server(self) -> None:
        fields = {
            CHAT: ("messages", "tools", "metadata", "response_format", "seed", "stop", "anything"),
            RESPONSES: ("input", "tools", "text", "metadata", "previous_response_id", "max_output_tokens"),
            "/v1/responses/input_tokens": ("input",),
            "/v1/responses/compact": ("input",),
            COMPLETIONS: ("prompt", "logit_bias"),
            "/v1/embeddings": ("input",),
            "/v1/moderations": ("input",),
            "/v1/conversations": ("items", "metadata"),
        }
        for title, value in hostile_values():
            for path, names in fields.items():
                for name in names:
                    self.assert_no_failure(path, with_field(path, name, value, "m"), f"{path} {name}: {title}")

    def test_values_in_messages_and_tools(self) -> None:
        for title, value in hostile_values():
            message = b'[{"role":"user","content":%b,"name":%b}]' % (value, value)
            call = b'[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":%b}}]}]' % value
            tool = b'[{"type":"function","function":{"name":"f","parameters":%b}}]' % value
            for name, body in (("messages", message), ("messages", call), ("tools", tool)):
                self.assert_no_failure(CHAT, with_field(CHAT, name, body, "m"), f"{name}: {title}")

    def test_a_small_body_that_becomes_large_is_refused(self) -> None:
        for body in compressed_bodies("m"):
            connection = self.server.connect()
            connection.request("POST", CHAT, body.build(), content_encoding=body.encoding)
            self.assertEqual((connection.response.status, connection.response.error["param"]), (413, None), body.name)
            self.assertRegex(connection.response.error["message"], r"\(http\.max_(inflate_ratio|json_values)\)")

    def test_the_limits_are_settings(self) -> None:
        server = InMemoryServer(Http(max_items=1, max_json_values=20, max_tools=1))
        two = chat(messages=[{"role": "user", "content": "a"}] * 2)
        self.assertEqual(server.request("POST", CHAT, two).error["param"], "messages")
        self.assertEqual(server.request("POST", CHAT, chat(metadata=[0] * 20)).status, 413)

    def test_headers_that_are_no_utf_8_are_refused_by_name(self) -> None:
        for name in ("x-codexd-output-mode", "x-proxy-output-mode", "x-codexd-compatibility"):
            response = self.server.request("POST", CHAT, SMALL, **{name: "\xff\xfe"})
            self.assertEqual((response.status, response.error["param"]), (400, name))
