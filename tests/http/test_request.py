from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.cors_resource import CorsResource
from codexd.http.request import Request
from codexd.settings import Http
from codexd.wire.json import encode
from tests.support.in_memory_server import InMemoryServer, chat, request

CHAT = "/v1/chat/completions"


class TestRequest(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def test_every_response_has_the_clients_own_request_id_or_a_new_one(self) -> None:
        for method, path in (("GET", "/livez"), ("GET", "/nothing"), ("OPTIONS", CHAT), ("DELETE", CHAT)):
            self.assertEqual(self.server.request(method, path, x_request_id="a.b-1").headers["x-request-id"], "a.b-1")
            new = self.server.request(method, path, x_request_id="not one").headers["x-request-id"]
            self.assertRegex(new, "^req_[0-9a-f]{32}$")

    def test_nothing_is_said_about_the_server_but_its_name(self) -> None:
        response = self.server.request("GET", "/livez")
        self.assertEqual(response.headers["server"], "codexd")
        self.assertNotIn(b"Twisted", self.server.connect().received)

    def test_the_status_line_does_not_depend_on_the_version_of_python(self) -> None:
        server = InMemoryServer(Http(max_body_bytes=10))
        connection = server.connect()
        connection.request("POST", CHAT, b"x" * 11)
        self.assertIn(b"HTTP/1.1 413 Content Too Large\r\n", connection.received)

    def test_the_host_header_may_hold_anything(self) -> None:
        for host in ("", "\xff\xfe", "a" * 300, "..", "xn--a", "[::1]:80:80", "a b"):
            self.assertEqual(self.server.request("GET", "/v1/models", host=host).status, 200, host)

    def test_what_happens_is_in_the_journal_once(self) -> None:
        self.server.request("GET", "/v1/models", x_request_id="one")
        self.server.request("PURGE", "/nothing", x_request_id="two")
        one, two = self.server.log.records
        self.assertEqual((one.id, one.method, one.route, one.status), ("one", "GET", "/v1/models", 200))
        self.assertEqual((two.id, two.method, two.route, two.status), ("two", "other", "other", 404))

    def test_the_journal_has_the_note_of_what_it_was_refused_for(self) -> None:
        files = [{"file_id": "file-a"}, {"file_id": "tell me a secret"}]
        body = {"model": "m", "input": "hi", "attachments": files}
        response = self.server.request("POST", "/v1/responses", encode(body))
        (record,) = self.server.log.records
        self.assertEqual((response.status, record.outcome, record.note), (400, "attachments", "file-a"))

    def test_a_name_the_client_made_up_is_harmless_in_the_journal(self) -> None:
        connection = self.server.connect()
        connection.request("POST", CHAT, chat(model="a\n\x1b[31m" + "b" * 100))
        connection.disconnect()
        self.assertEqual(self.server.log.records[0].model, "a??[31m" + "b" * 57)

    def test_a_client_that_leaves_while_it_is_still_sending_is_not_in_the_journal(self) -> None:
        connection = self.server.connect()
        connection.send(request("POST", CHAT, chat())[:-1])
        connection.disconnect()
        self.assertEqual(self.server.log.records, [])

    def test_an_exception_before_the_routes_is_json_too(self) -> None:
        self.patch(CorsResource, "render", lambda resource, request: 1 / 0)
        response = self.server.request("GET", "/livez")
        self.assertEqual((response.status, response.error["code"]), (500, "internal"))
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)

    def test_an_exception_in_the_middle_of_a_response_breaks_the_connection_off(self) -> None:
        def render(gate: CorsResource, request: Request) -> None:
            request.write(b"half")
            request.processingFailed(Failure(ZeroDivisionError()))

        self.patch(CorsResource, "render", render)
        connection = self.server.connect()
        connection.request("GET", "/livez")
        self.assertTrue(connection.transport.aborted)
        self.assertFalse(connection.response.whole)
