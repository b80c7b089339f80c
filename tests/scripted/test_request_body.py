"""Tests of reading request bodies."""

import zstandard
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyChannel

from codexd.scripted import request_body
from codexd.scripted.server import build_site
from codexd.wire.json import encode
from tests.scripted.client import Client

BODY = encode({"input": "say: compressed"})


class RequestBodyTests(SynchronousTestCase):
    def respond(self, body: bytes, **headers: str) -> tuple[int, str]:
        client = Client()
        client.send("POST", "/v1/responses", body, **headers)
        received = client.received()
        if received.status != 200:
            return received.status, received.json["error"]["type"]
        return 200, received.json["output"][0]["content"][0]["text"]

    def test_a_zstd_body_may_lack_its_content_size(self) -> None:
        whole = zstandard.ZstdCompressor().compress(BODY)
        stream = zstandard.ZstdCompressor(write_content_size=False).compress(BODY)
        for body in (whole, stream):
            self.assertEqual(self.respond(body, Content_Encoding="zstd"), (200, "compressed"))

    def test_invalid_bodies_are_rejected(self) -> None:
        for body, headers in [
            (b"", {}),
            (b"{", {}),
            (b"[]", {}),
            (b'"say: x"', {}),
            (BODY, {"Content_Encoding": "zstd"}),
            (b'{"input": [' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}", {}),
        ]:
            self.assertEqual(self.respond(body, **headers), (400, "invalid_request_error"))

    def test_an_unknown_encoding_is_rejected(self) -> None:
        self.assertEqual(self.respond(BODY, Content_Encoding="rot13")[0], 415)

    def test_a_body_over_the_limit_is_rejected(self) -> None:
        self.patch(request_body, "MAX_BODY_BYTES", len(BODY))
        self.assertEqual(self.respond(BODY)[0], 200)
        self.assertEqual(self.respond(BODY + b" ")[0], 413)
        bomb = zstandard.ZstdCompressor().compress(BODY + b" " * 100_000)
        self.assertEqual(self.respond(bomb, Content_Encoding="zstd")[0], 413)

    def test_the_excess_of_a_body_is_dropped_on_arrival(self) -> None:
        self.patch(request_body, "MAX_BODY_BYTES", 10)
        self.assertIs(build_site(Clock()).requestFactory, request_body.BoundedRequest)
        request = request_body.BoundedRequest(DummyChannel())
        request.gotLength(1000)
        for _ in range(99):
            request.handleContentChunk(b"x" * 10)
        assert request.content is not None
        self.assertEqual(len(request.content.getvalue()), 20)
