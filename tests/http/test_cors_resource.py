from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from tests.support.in_memory_server import InMemoryServer, Response, chat

OBSIDIAN = "app://obsidian.md"
ALLOW = "access-control-allow-origin"


class CorsTests(SynchronousTestCase):
    def preflight(self, server: InMemoryServer, path: str = "/v1/chat/completions", **headers: str) -> Response:
        return server.request(
            "OPTIONS",
            path,
            origin=OBSIDIAN,
            access_control_request_method="POST",
            access_control_request_headers="authorization,content-type,x-stainless-os",
            **headers,
        )

    def test_a_preflight_needs_no_key(self) -> None:
        response = self.preflight(InMemoryServer(Http(api_keys=("secret",))))
        self.assertEqual((response.status, response.body), (204, b""))
        self.assertEqual(response.headers[ALLOW], OBSIDIAN)
        self.assertIn("POST", response.headers["access-control-allow-methods"])
        allowed = response.headers["access-control-allow-headers"]
        self.assertEqual(allowed, "authorization,content-type,x-stainless-os")
        self.assertIn("x-request-id", response.headers)

    def test_a_preflight_is_answered_for_every_path(self) -> None:
        for path in ("/v1/nothing", "/", "*"):
            self.assertEqual(self.preflight(InMemoryServer(), path).status, 204)

    def test_a_preflight_leaves_the_connection_open_for_the_request(self) -> None:
        connection = InMemoryServer().connect()
        connection.request("OPTIONS", "/v1/models", origin=OBSIDIAN)
        connection.request("GET", "/v1/models", origin=OBSIDIAN)
        self.assertEqual([one.status for one in connection.responses("OPTIONS")], [204, 200])

    def test_an_allowed_page_can_read_every_response_errors_included(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",), cors_origins=("*",)))
        for path, status in (("/v1/models", 401), ("/nothing", 404), ("/v1/responses", 405)):
            key = {} if status == 401 else {"authorization": "Bearer secret"}
            response = server.request("GET", path, origin="null", **key)
            self.assertEqual((response.status, response.headers[ALLOW]), (status, "*"))

    def test_an_allowed_page_can_read_a_stream(self) -> None:
        server = InMemoryServer(Http(cors_origins=(OBSIDIAN,)))
        connection = server.connect()
        connection.request("POST", "/v1/chat/completions", chat(stream=True), origin=OBSIDIAN)
        server.clock.advance(15)
        self.assertEqual(connection.response.headers[ALLOW], OBSIDIAN)

    def test_an_unlisted_origin_gets_no_cors_headers(self) -> None:
        server = InMemoryServer(Http(cors_origins=("https://example.org",)))
        response = self.preflight(server)
        self.assertEqual(response.status, 204)
        self.assertFalse([name for name in response.headers if name.startswith("access-control")])

    def test_a_public_page_may_reach_the_local_daemon(self) -> None:
        response = self.preflight(InMemoryServer(), access_control_request_private_network="true")
        self.assertEqual(response.headers["access-control-allow-private-network"], "true")

    def test_without_keys_a_request_from_an_unlisted_origin_is_refused(self) -> None:
        server = InMemoryServer()
        response = server.request("POST", "/v1/chat/completions", chat(), origin="https://example.org")
        self.assertEqual((response.status, response.error["code"]), (403, "origin_not_allowed"))
        self.assertEqual(server.backend.turns, [])

    def test_with_keys_a_request_with_a_key_is_accepted_from_every_origin(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        response = server.request("GET", "/v1/models", origin="https://example.org", authorization="Bearer secret")
        self.assertEqual(response.status, 200)

    def test_a_preflight_allows_delete(self) -> None:
        headers = {"origin": "http://localhost:3000", "access_control_request_method": "DELETE"}
        response = InMemoryServer().request("OPTIONS", "/v1/responses/resp_0", **headers)
        self.assertIn("DELETE", response.headers["access-control-allow-methods"])
