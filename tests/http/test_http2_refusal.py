from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.http2_refusal import FIRST_LINE, SETTINGS
from codexd.http.strict_channel import HTTP_2_SECONDS
from tests.support.in_memory_server import Connection, InMemoryServer

PREFACE = FIRST_LINE + b"\r\n\r\nSM\r\n\r\n"


def frame(type: int, stream: int, payload: bytes = b"") -> bytes:
    """Encode a frame (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3) + bytes((type, 0)) + stream.to_bytes(4) + payload


def reset(stream: int) -> bytes:
    """Encode a RST_STREAM frame with HTTP_1_1_REQUIRED (RFC 9113, 6.4 and 7)."""
    return frame(3, stream, (13).to_bytes(4))


CURL = (
    PREFACE + frame(4, 0, b"\x00\x03\x00\x00\x00\x64") + frame(8, 0, b"\x00\x00\x00\x01") + frame(1, 1, b"\x82\r\n\x86")
)
"""What curl sends: SETTINGS, WINDOW_UPDATE, HEADERS."""


class Http2RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def send(self, data: bytes) -> Connection:
        connection = self.server.connect()
        connection.send(data)
        return connection

    def test_a_request_is_reset_with_http_1_1_required(self) -> None:
        self.assertEqual(self.send(CURL).received, SETTINGS + reset(1))

    @given(st.lists(st.integers(0, len(CURL)), max_size=5))
    def test_any_split_is_answered_the_same(self, cuts: list[int]) -> None:
        ends = sorted({*cuts, 0, len(CURL)})
        connection = self.server.connect()
        for begin, end in pairwise(ends):
            connection.send(CURL[begin:end])
        self.assertEqual(connection.received, SETTINGS + reset(1))

    def test_the_settings_are_sent_to_a_client_that_waits_for_them(self) -> None:
        self.assertEqual(self.send(PREFACE[:16]).received, SETTINGS)

    def test_the_reset_has_the_stream_of_the_request(self) -> None:
        self.assertEqual(self.send(PREFACE + frame(1, 7, b"x")).received, SETTINGS + reset(7))

    def test_the_connection_is_closed_soon_if_the_client_does_not(self) -> None:
        connection = self.send(CURL)
        self.assertTrue(connection.open)
        connection.send(CURL)
        self.server.clock.advance(HTTP_2_SECONDS)
        self.assertFalse(connection.open)
        self.assertEqual(connection.received, SETTINGS + reset(1))

    def test_what_is_not_http_2_after_all_is_closed(self) -> None:
        for rest in (b"\r\nhost: a\r\n\r\n", b"\r\nSM\r\n\r\n" + b"\xff" * 40):
            connection = self.send(FIRST_LINE + b"\r\n" + rest)
            self.assertEqual(connection.received, SETTINGS)
            self.server.clock.advance(HTTP_2_SECONDS)
            self.assertFalse(connection.open)

    def test_a_client_that_sends_no_request_is_closed(self) -> None:
        connection = self.send(PREFACE)
        for _ in range(200):
            connection.send(frame(6, 0, b"12345678"))
            self.server.clock.advance(1)
        self.assertFalse(connection.open)
        self.assertEqual(connection.received, SETTINGS)
