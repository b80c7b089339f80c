import gzip
import zlib

import brotli
import zstandard
from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from codexd.wire import json
from tests.support.in_memory_server import InMemoryServer, Response, chat

CHAT = "/v1/chat/completions"
BODY = json.encode(chat())


class BodyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(max_body_bytes=100_000))

    def post(self, body: bytes, **headers: str) -> Response | None:
        """Send a body and return the response, if it was refused."""
        connection = self.server.connect()
        connection.request("POST", CHAT, body, **headers)
        return connection.responses()[0] if connection.received else None

    def assert_refused(self, body: bytes, status: int, **headers: str) -> None:
        before = len(self.server.backend.turns)
        response = self.post(body, **headers)
        assert response is not None, "accepted"
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response.error["type"], "invalid_request_error")
        self.assertEqual(len(self.server.backend.turns), before)

    def test_every_content_encoding_gives_the_same_turn(self) -> None:
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

    def test_encodings_in_two_headers_are_applied_in_order(self) -> None:
        body = zstandard.compress(gzip.compress(BODY))
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        connection = self.server.connect()
        connection.send(f"{head}content-encoding: gzip\r\ncontent-encoding: zstd\r\n\r\n".encode() + body)
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_an_unknown_encoding_is_415(self) -> None:
        self.assert_refused(BODY, 415, content_encoding="compress")

    def test_a_corrupt_body_is_400(self) -> None:
        self.assert_refused(BODY, 400, content_encoding="gzip")
        self.assert_refused(gzip.compress(BODY)[:-9], 400, content_encoding="gzip")

    def test_a_decompression_bomb_is_413(self) -> None:
        self.assert_refused(gzip.compress(b" " * 10_000_000), 413, content_encoding="gzip")

    def test_json_may_be_sent_as_json_as_text_or_without_a_content_type(self) -> None:
        for media in ("application/json", "Application/JSON; charset=utf-8", "text/plain;charset=UTF-8", ""):
            self.assertIsNone(self.post(BODY, content_type=media), media)
        connection = self.server.connect()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(BODY)}\r\n\r\n"
        connection.send(head.encode() + BODY)
        self.assertEqual(connection.received, b"")

    def test_any_other_content_type_is_415(self) -> None:
        for media in ("multipart/form-data; boundary=a", "application/x-www-form-urlencoded", "image/png"):
            self.assert_refused(BODY, 415, content_type=media)

    def test_a_body_that_is_not_a_json_object_is_400(self) -> None:
        for body in (b"", b"{", b"[]", b"\xff"):
            self.assert_refused(body, 400)

    def test_an_error_names_the_invalid_field(self) -> None:
        response = self.server.request("POST", CHAT, chat(temperature="hot"))
        self.assertEqual((response.status, response.error["param"]), (400, "temperature"))
