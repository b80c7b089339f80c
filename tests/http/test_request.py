from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import http

from codexd.http.cors_resource import CorsResource
from codexd.http.request import Request
from codexd.settings import Http
from codexd.wire import json
from tests.support.in_memory_server import InMemoryServer, chat, request

CHAT = "/v1/chat/completions"
BODY = json.encode(chat())


class RequestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def test_every_response_has_the_request_id_of_the_client_or_a_new_one(self) -> None:
        for method, path in (("GET", "/livez"), ("GET", "/nothing"), ("OPTIONS", CHAT), ("DELETE", CHAT)):
            self.assertEqual(self.server.request(method, path, x_request_id="a.b-1").headers["x-request-id"], "a.b-1")
            new = self.server.request(method, path, x_request_id="not one").headers["x-request-id"]
            self.assertRegex(new, "^req_[0-9a-f]{32}$")

    def test_the_server_header_contains_only_the_name(self) -> None:
        response = self.server.request("GET", "/livez")
        self.assertEqual(response.headers["server"], "codexd")
        self.assertNotIn(b"Twisted", self.server.connect().received)

    def test_the_status_line_does_not_depend_on_the_version_of_python(self) -> None:
        server = InMemoryServer(Http(max_body_bytes=10))
        connection = server.connect()
        connection.request("POST", CHAT, b"x" * 11)
        self.assertIn(b"HTTP/1.1 413 Content Too Large\r\n", connection.received)

    def test_no_host_header_is_an_internal_error(self) -> None:
        for host in ("", "\xff\xfe", "a" * 300, "..", "xn--a", "[::1]:80:80", "a b"):
            self.assertIn(self.server.request("GET", "/v1/models", host=host).status, (400, 403), host)

    def test_every_request_is_logged_once(self) -> None:
        self.server.request("GET", "/v1/models", x_request_id="one")
        self.server.request("PURGE", "/nothing", x_request_id="two")
        one, two = self.server.log.records
        self.assertEqual((one.id, one.method, one.route, one.status), ("one", "GET", "/v1/models", 200))
        self.assertEqual((two.id, two.method, two.route, two.status), ("two", "PURGE", "other", 501))

    def test_the_note_of_a_refusal_is_logged(self) -> None:
        files = [{"file_id": "file-a"}, {"file_id": "tell me a secret"}]
        body = {"model": "m", "input": "hi", "attachments": files}
        response = self.server.request("POST", "/v1/responses", json.encode(body))
        (record,) = self.server.log.records
        self.assertEqual((response.status, record.outcome, record.note), (400, "attachments", "file-a"))

    def test_a_model_name_is_shortened_and_stripped_of_control_characters_in_the_log(self) -> None:
        connection = self.server.connect()
        connection.request("POST", CHAT, chat(model="a\n\x1b[31m" + "b" * 100))
        connection.disconnect()
        self.assertEqual(self.server.log.records[0].model, "a??[31m" + "b" * 57)

    def test_a_request_that_did_not_arrive_completely_is_not_logged(self) -> None:
        connection = self.server.connect()
        connection.send(request("POST", CHAT, chat())[:-1])
        connection.disconnect()
        self.assertEqual(self.server.log.records, [])

    def test_an_exception_before_the_routes_is_a_json_error(self) -> None:
        self.patch(CorsResource, "render", lambda resource, request: 1 / 0)
        response = self.server.request("GET", "/livez")
        self.assertEqual((response.status, response.error["code"]), (500, "internal"))
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)

    def test_an_exception_in_the_middle_of_a_response_aborts_the_connection(self) -> None:
        def render(resource: CorsResource, request: Request) -> None:
            request.write(b"partial")
            request.processingFailed(Failure(ZeroDivisionError()))

        self.patch(CorsResource, "render", render)
        connection = self.server.connect()
        connection.request("GET", "/livez")
        self.assertTrue(connection.transport.aborted)
        self.assertFalse(connection.response.whole)


class BodySizeTests(SynchronousTestCase):
    """A body over the limit is dropped and refused at once; the connection is closed later."""

    LIMIT = 1000

    def setUp(self) -> None:
        self.server = InMemoryServer(Http(max_body_bytes=self.LIMIT))
        self.connection = self.server.connect()

    def assert_refused(self) -> None:
        response = self.connection.response
        self.assertEqual((response.status, response.error["code"]), (413, "request_too_large"))
        self.assertEqual(response.headers["connection"], "close")
        self.assertIn("x-request-id", response.headers)
        self.assertEqual(self.server.log.records[0].outcome, "too_large")

    def head(self, *lines: str) -> bytes:
        return "\r\n".join((f"POST {CHAT} HTTP/1.1", "host: localhost", *lines, "", "")).encode()

    def test_a_body_of_exactly_the_limit_is_read(self) -> None:
        self.connection.request("POST", CHAT, BODY + b" " * (self.LIMIT - len(BODY)))
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_an_announced_oversized_body_is_refused_before_it_arrives(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}"))
        self.assert_refused()

    def test_an_oversized_body_gets_no_100_continue(self) -> None:
        self.connection.send(self.head("expect: 100-continue", f"content-length: {self.LIMIT + 1}"))
        self.assert_refused()

    def test_an_acceptable_body_gets_100_continue(self) -> None:
        self.connection.send(self.head("expect: 100-continue", f"content-length: {self.LIMIT}"))
        self.assertEqual(self.connection.received, b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_an_unannounced_oversized_body_is_refused_once_it_exceeds_the_limit(self) -> None:
        self.connection.send(self.head("transfer-encoding: chunked"))
        self.connection.send(b"258\r\n" + b" " * 600 + b"\r\n")
        self.assertEqual(self.connection.received, b"")
        self.connection.send(b"258\r\n" + b" " * 600 + b"\r\n")
        self.assert_refused()

    def test_an_unannounced_oversized_body_in_one_write_is_refused(self) -> None:
        chunk = b"7d0\r\n" + b" " * 2000 + b"\r\n"
        self.connection.send(self.head("transfer-encoding: chunked") + chunk * 2 + b"0\r\n\r\n")
        self.assert_refused()

    def test_the_rest_of_a_refused_body_is_dropped_and_the_connection_closed_later(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}"))
        for _ in range(4):
            self.connection.send(b"x" * 10_000)
            self.server.clock.advance(1)
            self.assertTrue(self.connection.open)
        self.assert_refused()
        self.server.clock.advance(1)
        self.assertFalse(self.connection.open)

    def test_a_client_that_disconnects_leaves_no_timer(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}"))
        self.connection.disconnect()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_a_request_after_a_refused_body_is_not_answered(self) -> None:
        self.connection.send(self.head(f"content-length: {self.LIMIT + 1}") + request("GET", "/v1/models"))
        self.assert_refused()

    def test_a_body_is_never_written_to_a_file(self) -> None:
        server = InMemoryServer()
        self.patch(http, "_getContentFile", lambda length: self.fail("written to a file"))
        connection = server.connect()
        connection.request("POST", CHAT, BODY + b" " * 200_000)
        self.assertEqual(len(server.backend.turns), 1)
