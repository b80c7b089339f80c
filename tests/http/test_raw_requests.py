"""What codexd answers to requests that are odd or not valid, as bytes (RFC 9112)."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from tests.support.in_memory_server import Connection, InMemoryServer, chat, request
from tests.support.raw_requests import BAD, GOOD, RawRequest

ALL = GOOD + BAD


def statuses(connection: Connection, raw: RawRequest) -> tuple[int, ...]:
    methods = ("HEAD",) if raw.data.startswith(b"HEAD") else ()
    return tuple(response.status for response in connection.responses(*methods))


class RawRequestTests(SynchronousTestCase):
    """The table of `tests/support/raw_requests.py`."""

    server = InMemoryServer()  # shared: only connections are tested, each of them a new one

    def check(self, raw: RawRequest, *pieces: bytes) -> None:
        connection = self.server.connect()
        for piece in pieces:
            if connection.open:
                connection.send(piece)
        self.assertEqual((statuses(connection, raw), connection.open), (raw.statuses, not raw.closes), raw.name)

    def test_every_request_is_answered_as_the_table_says(self) -> None:
        for raw in ALL:
            self.check(raw, raw.data)

    def test_every_request_byte_by_byte_is_answered_the_same(self) -> None:
        for raw in ALL:
            if len(raw.data) > 4000:
                continue  # the limits are the same
            self.check(raw, *(raw.data[at : at + 1] for at in range(len(raw.data))))

    @given(st.sampled_from(ALL), st.lists(st.integers(0, 300), max_size=4))
    def test_any_split_of_a_request_is_answered_the_same(self, raw: RawRequest, cuts: list[int]) -> None:
        ends = sorted({min(cut, len(raw.data)) for cut in cuts} | {0, len(raw.data)})
        self.check(raw, *(raw.data[begin:end] for begin, end in pairwise(ends)))

    @given(st.lists(st.sampled_from([raw for raw in GOOD if raw.statuses and not raw.closes]), max_size=3))
    def test_pipelined_requests_get_the_responses_of_single_ones(self, before: list[RawRequest]) -> None:
        for last in (
            *GOOD[:1],
            *(bad for bad in BAD if bad.name != "TLS"),
        ):  # a connection begins with TLS, or has none
            connection = self.server.connect()
            connection.send(b"".join(raw.data for raw in (*before, last)))
            methods = [method for raw in before for method in methods_of(raw)]
            found = tuple(response.status for response in connection.responses(*methods))
            self.assertEqual(found, sum((raw.statuses for raw in (*before, last)), ()), last.name)

    def test_an_error_says_what_is_wrong(self) -> None:
        for raw in BAD:
            connection = InMemoryServer().connect()
            connection.send(raw.data)
            error = connection.response.error
            self.assertEqual(connection.response.headers["x-should-retry"], "false")
            self.assertEqual(error["type"], "invalid_request_error")
            self.assertRegex(error["message"], r"^The .*\.$")


def methods_of(raw: RawRequest) -> tuple[str, ...]:
    first = "HEAD" if raw.data.startswith(b"HEAD") else "GET"
    return (first, *("GET" for _ in raw.statuses[1:]))


class OtherProtocolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.connection = self.server.connect()

    def test_tls_gets_a_hint(self) -> None:
        self.connection.send(b"\x16\x03\x01")
        self.assertIn("http:// only", self.connection.response.error["message"])

    def test_the_reason_is_logged_at_debug(self) -> None:
        with capturedLogs() as logs:
            self.connection.send(b"\x16\x03\x01")
        (event,) = (event for event in logs if event["log_namespace"].startswith("codexd.http"))
        self.assertEqual(event["log_level"].name, "debug")
        self.assertIn("it is TLS, but this port serves http:// only", formatEvent(event))

    def test_a_body_may_contain_what_looks_like_tls(self) -> None:
        raw = request("POST", "/v1/chat/completions", chat() | {"user": "\x16"}) + request("GET", "/livez")
        for byte in raw:
            self.connection.send(bytes((byte,)))
        self.assertTrue(self.connection.open)


class SlowRequestTests(SynchronousTestCase):
    """Requests that arrive slowly: the time is limited, whatever the client sends to extend it."""

    IDLE_SECONDS = 60.0

    def setUp(self) -> None:
        self.server = InMemoryServer(Http(idle_seconds=self.IDLE_SECONDS))
        self.connection = self.server.connect()

    def send_slowly(self, data: bytes, size: int, seconds: float) -> float:
        """Send pieces of a size at intervals until the server closes; return after how many seconds it did."""
        passed = 0.0
        for at in range(0, len(data), size):
            if not self.connection.open:
                return passed
            self.connection.send(data[at : at + size])
            self.server.clock.advance(seconds)
            passed += seconds
        raise AssertionError("the connection was not closed")

    def test_a_head_has_a_deadline(self) -> None:
        passed = self.send_slowly(b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 400, 2, 10)
        self.assertLessEqual(passed, self.IDLE_SECONDS)
        self.assertEqual(
            (self.connection.response.status, self.connection.response.error["code"]), (408, "request_timeout")
        )

    def test_a_body_of_a_few_bytes_has_a_deadline(self) -> None:
        head = request("POST", "/v1/chat/completions", b"", content_length="10000")
        self.connection.send(head)
        self.assertLessEqual(self.send_slowly(b" " * 9000, 1, 10), self.IDLE_SECONDS)
        self.assertEqual(self.connection.response.status, 408)

    def test_a_large_body_may_take_longer(self) -> None:
        body = b" " * 300_000
        self.connection.send(request("POST", "/v1/chat/completions", b"", content_length=str(len(body) + 1)))
        for at in range(0, len(body), 20_000):
            self.connection.send(body[at : at + 20_000])
            self.server.clock.advance(self.IDLE_SECONDS - 1)
        self.assertTrue(self.connection.open)

    def test_an_idle_connection_is_closed_without_a_response(self) -> None:
        self.connection.request("GET", "/livez")
        self.connection.send(b"\r\n")
        self.server.clock.advance(self.IDLE_SECONDS)
        self.assertFalse(self.connection.open)
        self.assertEqual(self.connection.response.status, 200)

    def test_each_request_of_a_connection_has_its_own_deadline(self) -> None:
        for _ in range(5):
            self.connection.request("GET", "/livez")
            self.server.clock.advance(self.IDLE_SECONDS - 1)
            self.connection.send(b"GET /livez")
            self.server.clock.advance(self.IDLE_SECONDS - 1)
            self.connection.send(b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
        self.assertEqual({response.status for response in self.connection.responses()}, {200})
