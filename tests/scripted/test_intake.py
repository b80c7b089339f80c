"""Bodies on their way in."""

import zstandard
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyChannel

from codexd.scripted import intake
from codexd.scripted.server import scripted_site
from codexd.wire.json import encode
from tests.scripted.client import Client

BODY = encode({"input": "say: compressed"})


class IntakeTests(SynchronousTestCase):
    def answered(self, body: bytes, **headers: str) -> tuple[int, str]:
        client = Client()
        client.send("POST", "/v1/responses", body, **headers)
        received = client.received()
        if received.status != 200:
            return received.status, received.json["error"]["type"]
        return 200, received.json["output"][0]["content"][0]["text"]

    def test_a_zstd_body_is_read_with_or_without_its_size_in_front(self) -> None:
        whole = zstandard.ZstdCompressor().compress(BODY)
        stream = zstandard.ZstdCompressor(write_content_size=False).compress(BODY)
        for body in (whole, stream):
            self.assertEqual(self.answered(body, Content_Encoding="zstd"), (200, "compressed"))

    def test_bodies_that_cannot_be_read_are_refused(self) -> None:
        for body, headers in [
            (b"", {}),
            (b"{", {}),
            (b"[]", {}),
            (b'"say: x"', {}),
            (BODY, {"Content_Encoding": "zstd"}),
            (b'{"input": [' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}", {}),
        ]:
            self.assertEqual(self.answered(body, **headers), (400, "invalid_request_error"))

    def test_an_unknown_encoding_is_refused(self) -> None:
        self.assertEqual(self.answered(BODY, Content_Encoding="rot13")[0], 415)

    def test_a_body_over_the_limit_is_refused_and_not_kept(self) -> None:
        self.patch(intake, "MOST_BYTES", len(BODY))
        self.assertEqual(self.answered(BODY)[0], 200)
        self.assertEqual(self.answered(BODY + b" ")[0], 413)
        bomb = zstandard.ZstdCompressor().compress(BODY + b" " * 100_000)
        self.assertEqual(self.answered(bomb, Content_Encoding="zstd")[0], 413)

    def test_the_excess_of_a_body_is_dropped_while_it_comes(self) -> None:
        self.patch(intake, "MOST_BYTES", 10)
        self.assertIs(scripted_site(Clock()).requestFactory, intake.BoundedRequest)
        request = intake.BoundedRequest(DummyChannel())
        request.gotLength(1000)
        for _ in range(99):
            request.handleContentChunk(b"x" * 10)
        assert request.content is not None
        self.assertEqual(len(request.content.getvalue()), 20)
