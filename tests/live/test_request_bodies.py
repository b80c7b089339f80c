"""Request bodies: compressed, malicious and very large."""

import base64
import gzip
import os
import struct
import zlib
from hashlib import sha256

import brotli
import zstandard

from codexd.wire.json import encode
from tests.support import provider_requests
from tests.support.live_daemon import CHAT, RESPONSES, DaemonSetup, LiveTestCase
from tests.support.processes import resident_bytes, wait_until

COMPRESSORS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
SIDE = 3200
"""Pixels on each side of an image that is 40 MB in base64."""

GROWTH_BYTES = 32 * 2**20
"""Of a daemon that is sent bombs of 256 MB."""


def chunk(kind: bytes, data: bytes) -> bytes:
    """Build one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def noise(side: int) -> str:
    """Build an incompressible image as a data URL."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    rows = b"".join(b"\0" + os.urandom(3 * side) for _ in range(side))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


class RequestBodyTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True)

    def test_every_content_encoding_is_accepted(self) -> None:
        body = encode(self.daemon.chat_body("say: unpacked"))
        for encoding, compress in COMPRESSORS.items():
            answer = self.daemon.post(CHAT, compress(body), {"content-encoding": encoding})
            self.assertEqual(answer.status, 200, encoding)
            self.assertEqual(answer.json["choices"][0]["message"]["content"], "unpacked")

    def test_a_decompression_bomb_gets_413_and_takes_no_memory(self) -> None:
        self.daemon.chat_text("say: warm")
        before = resident_bytes(self.daemon.pid)
        for encoding, compressor in (("gzip", zlib.compressobj(wbits=31)), ("deflate", zlib.compressobj())):
            zeros = bytes(2**24)
            bomb = b"".join(compressor.compress(zeros) for _ in range(16)) + compressor.flush()
            answer = self.daemon.post(CHAT, bomb, {"content-encoding": encoding})
            self.assertEqual((answer.status, answer.json["error"]["code"]), (413, "request_too_large"))
        # Memory is given back some time after a large body.
        pid = self.daemon.pid
        wait_until(lambda: resident_bytes(pid) - before < GROWTH_BYTES, "it takes no memory", 10)

    def test_a_body_that_does_not_match_its_encoding_is_rejected(self) -> None:
        for encoding in COMPRESSORS:
            answer = self.daemon.post(CHAT, b"not that", {"content-encoding": encoding})
            self.assertEqual((answer.status, answer.json["error"]["code"]), (400, "invalid_json"))

    def test_a_body_over_the_limit_is_rejected_unread(self) -> None:
        answer = self.daemon.post(CHAT, b" " * (65 * 2**20))
        self.assertEqual((answer.status, answer.json["error"]["code"]), (413, "request_too_large"))

    def test_an_image_of_forty_megabytes_reaches_the_model(self) -> None:
        image = noise(SIDE)
        # Without `original` Codex scales the image down, as in its own sessions.
        picture = {"type": "input_image", "image_url": image, "detail": "original"}
        parts = [{"type": "input_text", "text": "say: seen"}, picture]
        asked = {"model": self.daemon.model, "input": [{"role": "user", "content": parts}]}
        answer = self.daemon.post(RESPONSES, asked)
        self.assertEqual(answer.status, 200, answer.body[:500])
        self.assertEqual(answer.json["output"][0]["content"][0]["text"], "seen")
        (message,) = provider_requests.items(self.daemon.last_provider_request)
        arrived = message["content"][1]["image_url"]
        self.assertEqual(sha256(arrived.encode()).digest(), sha256(image.encode()).digest())
        self.assertEqual(self.daemon.metric("codexd_child_exited_total"), 0)
        self.assertEqual(self.daemon.chat_text("say: all well"), "all well")

    def test_a_long_line_from_the_model_arrives(self) -> None:
        text = "x" * (8 * 2**20)
        self.assertEqual(self.daemon.chat_text(f"shape: whole\nsay: {text}"), text)
