import gzip
import zlib

import brotli
import zstandard
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import http

from codexd.http.auth import UNKNOWN_CALLER_BODY_BYTES
from codexd.policy.auth import KeyRing
from codexd.settings import Http
from codexd.wire import json
from tests.support.in_memory_server import InMemoryServer, Response, chat, request

CHAT = "/v1/chat/completions"
BODY = json.encode(chat())


class TestKeys(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(api_keys=("secret", "other")))

    def test_a_key_opens_in_every_way_clients_present_it(self) -> None:
        for headers in (
            {"authorization": "Bearer secret"},
            {"authorization": "bearer secret"},
            {"authorization": "secret"},
            {"x_api_key": "other"},
            {"api_key": "other"},
        ):
            self.assertEqual(self.server.request("GET", "/v1/models", **headers).status, 200, headers)

    def test_without_a_right_one_there_is_401_on_every_route_but_the_probes(self) -> None:
        for method, path in (
            ("GET", "/v1/models"),
            ("GET", "/v1/models/gpt-5"),
            ("GET", "/metrics"),
            ("POST", CHAT),
            ("POST", "/v1/responses"),
        ):
            body = BODY if method == "POST" else None
            for headers in ({}, {"authorization": "Bearer wrong"}, {"x_api_key": ""}):
                response = self.server.request(method, path, body, **headers)
                self.assertEqual(response.status, 401, (path, headers))
                self.assertEqual(response.error["code"], "invalid_api_key")
                self.assertIn("Bearer", response.headers["www-authenticate"])
                self.assertEqual(response.headers["x-should-retry"], "false")
        self.assertEqual(self.server.backend.turns, [])

    def test_the_turn_and_the_journal_know_the_principal_and_not_the_key(self) -> None:
        self.server.connect().request("POST", CHAT, chat(), authorization="Bearer secret")
        principal = self.server.backend.turns[0].turn.principal
        self.assertRegex(principal, r"^[0-9a-f]{12}$")
        self.server.request("GET", "/v1/models", x_api_key="secret")
        self.assertEqual(self.server.log.records[0].principal, principal)

    def test_without_configured_keys_any_key_will_do(self) -> None:
        self.assertEqual(InMemoryServer().request("GET", "/v1/models", authorization="Bearer dummy").status, 200)

    def test_a_strangers_body_is_not_read_beyond_a_little(self) -> None:
        connection = self.server.connect()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: {UNKNOWN_CALLER_BODY_BYTES + 1}\r\n\r\n"
        connection.send(head.encode())
        self.assertEqual(connection.response.status, 401)

    def test_a_key_is_looked_up_once_a_request(self) -> None:
        looked = []
        identify = KeyRing.identify
        self.patch(KeyRing, "identify", lambda ring, keys: looked.append(keys) or identify(ring, keys))
        self.server.request("POST", CHAT, {}, authorization="Bearer secret")
        self.assertEqual(len(looked), 1)


class TestBodies(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(max_body_bytes=100_000))

    def post(self, body: bytes, **headers: str) -> Response | None:
        """Post, and give the response if it was refused."""
        connection = self.server.connect()
        connection.request("POST", CHAT, body, **headers)
        return connection.responses()[0] if connection.received else None

    def refused(self, body: bytes, status: int, **headers: str) -> None:
        before = len(self.server.backend.turns)
        response = self.post(body, **headers)
        assert response is not None, "it was let in"
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response.error["type"], "invalid_request_error")
        self.assertEqual(len(self.server.backend.turns), before)

    def test_a_body_in_any_encoding_is_the_same_turn(self) -> None:
        raw = zlib.compressobj(wbits=-15)
        encoded = {
            "": BODY,
            "identity": BODY,
            "gzip": gzip.compress(BODY),
            "deflate": zlib.compress(BODY),
            "Deflate": raw.compress(BODY) + raw.flush(),
            "br": brotli.compress(BODY),
            "zstd": zstandard.compress(BODY),
            "gzip, zstd": zstandard.compress(gzip.compress(BODY)),
        }
        for name, body in encoded.items():
            self.assertIsNone(self.post(body, content_encoding=name), name)
        self.assertEqual(len({begun.turn for begun in self.server.backend.turns}), 1)
        self.assertEqual(len(self.server.backend.turns), len(encoded))

    def test_encodings_may_come_in_two_headers(self) -> None:
        body = zstandard.compress(gzip.compress(BODY))
        head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n"
        connection = self.server.connect()
        connection.send(f"{head}content-encoding: gzip\r\ncontent-encoding: zstd\r\n\r\n".encode() + body)
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_an_unknown_encoding_is_415(self) -> None:
        self.refused(BODY, 415, content_encoding="compress")

    def test_a_corrupt_body_is_400(self) -> None:
        self.refused(BODY, 400, content_encoding="gzip")
        self.refused(gzip.compress(BODY)[:-9], 400, content_encoding="gzip")

    def test_a_bomb_is_413(self) -> None:
        self.refused(gzip.compress(b" " * 10_000_000), 413, content_encoding="gzip")

    def test_json_may_be_called_so_or_text_or_nothing(self) -> None:
        for media in ("application/json", "Application/JSON; charset=utf-8", "text/plain;charset=UTF-8", ""):
            self.assertIsNone(self.post(BODY, content_type=media), media)
        connection = self.server.connect()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: {len(BODY)}\r\n\r\n"
        connection.send(head.encode() + BODY)
        self.assertEqual(connection.received, b"")

    def test_anything_else_is_415(self) -> None:
        for media in ("multipart/form-data; boundary=a", "application/x-www-form-urlencoded", "image/png"):
            self.refused(BODY, 415, content_type=media)

    def test_a_body_that_is_no_json_is_400(self) -> None:
        for body in (b"", b"{", b"[]", b"\xff"):
            self.refused(body, 400)

    def test_a_complaint_names_its_field(self) -> None:
        response = self.server.request("POST", CHAT, chat(temperature="hot"))
        self.assertEqual((response.status, response.error["param"]), (400, "temperature"))


class TestSizes(SynchronousTestCase):
    """Bodies over the limit: dropped as they come, answered at once, the connection closed when it may be."""

    LIMIT = 1000

    def setUp(self) -> None:
        self.server = InMemoryServer(Http(max_body_bytes=self.LIMIT))
        self.connection = self.server.connect()

    def refused(self) -> None:
        response = self.connection.response
        self.assertEqual((response.status, response.error["code"]), (413, "request_too_large"))
        self.assertEqual(response.headers["connection"], "close")
        self.assertIn("x-request-id", response.headers)
        self.assertEqual(self.server.log.records[0].outcome, "too_large")

    def head(self, *lines: str) -> bytes:
        return "\r\n".join((f"POST {CHAT} HTTP/1.1", "host: a", *lines, "", "")).encode()

    def test_a_body_of_exactly_the_limit_is_read(self) -> None:
        self.connection.request("POST", CHAT, BODY + b" " * (self.LIMIT - len(BODY)))
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_an_announced_excess_is_answered_before_any_of_it_came(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}"))
        self.refused()

    def test_nobody_is_asked_to_go_on_with_it(self) -> None:
        self.connection.send(self.head("expect: 100-continue", f"content-length: {self.LIMIT + 1}"))
        self.refused()

    def test_who_may_go_on_is_told_so(self) -> None:
        self.connection.send(self.head("expect: 100-continue", f"content-length: {self.LIMIT}"))
        self.assertEqual(self.connection.received, b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_an_excess_that_was_not_announced_is_answered_when_it_comes(self) -> None:
        self.connection.send(self.head("transfer-encoding: chunked"))
        self.connection.send(b"258\r\n" + b" " * 600 + b"\r\n")
        self.assertEqual(self.connection.received, b"")
        self.connection.send(b"258\r\n" + b" " * 600 + b"\r\n")
        self.refused()

    def test_so_is_one_that_comes_all_at_once(self) -> None:
        chunk = b"7d0\r\n" + b" " * 2000 + b"\r\n"
        self.connection.send(self.head("transfer-encoding: chunked") + chunk * 2 + b"0\r\n\r\n")
        self.refused()

    def test_what_follows_is_dropped_and_the_connection_closed_after_a_while(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}"))
        for _ in range(4):
            self.connection.send(b"x" * 10_000)
            self.server.clock.advance(1)
            self.assertTrue(self.connection.open)
        self.refused()
        self.server.clock.advance(1)
        self.assertFalse(self.connection.open)

    def test_a_client_that_closes_itself_leaves_no_timer_behind(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}"))
        self.connection.disconnect()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_a_request_behind_a_refused_body_is_not_answered(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}") + request("GET", "/v1/models"))
        self.refused()

    def test_a_body_is_never_written_to_a_file(self) -> None:
        server = InMemoryServer()
        self.patch(http, "_getContentFile", lambda length: self.fail("a file"))
        connection = server.connect()
        connection.request("POST", CHAT, BODY + b" " * 200_000)
        self.assertEqual(len(server.backend.turns), 1)
