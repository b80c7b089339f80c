"""Host names by which codexd may be called where no key is set (DNS rebinding)."""

from twisted.internet.address import UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from tests.support.in_memory_server import InMemoryServer, request

LOOPBACK = (
    "localhost", "LocalHost:11435", "localhost.", "localhost.:80", "app.localhost", "127.0.0.1", "127.0.0.1:11435",
    "127.1.2.3", "[::1]", "[::1]:11435", "[0:0:0:0:0:0:0:1]:1", "localhost:",
)  # fmt: skip
OTHERS = (
    "evil.example", "evil.example:11435", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost",
    "192.168.1.2", "0.0.0.0", "[::]", "[fe80::1]", "[::ffff:127.0.0.2]:80", "", ":80", "1", "2130706433",
)  # fmt: skip
ROUTES = (
    ("GET", "/v1/models"), ("GET", "/"), ("GET", "/metrics"), ("GET", "/nothing"), ("POST", "/v1/chat/completions"),
    ("DELETE", "/v1/responses/resp_1"), ("PUT", "/v1/models"), ("OPTIONS", "/v1/models"), ("OPTIONS", "*"),
    ("BREW", "/v1/models"),
)  # fmt: skip


class HostTests(SynchronousTestCase):
    def status(self, http: Http, host: str, method: str = "GET", path: str = "/v1/models") -> int:
        return InMemoryServer(http).request(method, path, host=host).status

    def test_this_machine_s_own_names_are_allowed(self) -> None:
        for host in LOOPBACK:
            self.assertEqual(self.status(Http(), host), 200, host)

    def test_other_names_are_refused(self) -> None:
        for host in OTHERS:
            self.assertEqual(self.status(Http(), host), 403, host)

    def test_the_error_says_what_to_do(self) -> None:
        error = InMemoryServer().request("GET", "/v1/models", host="evil.example").error
        self.assertEqual((error["code"], error["type"]), ("host_not_allowed", "invalid_request_error"))
        self.assertIn("http.allowed_hosts", error["message"])

    def test_every_method_and_route_is_refused_and_logged(self) -> None:
        for method, path in ROUTES:
            server = InMemoryServer()
            response = server.request(method, path, host="evil.example", origin="http://localhost")
            self.assertEqual(response.status, 403, (method, path))
            self.assertFalse([name for name in response.headers if name.startswith("access-control")])
            self.assertEqual(server.log.records[0].outcome, "host_not_allowed")
            self.assertEqual(server.backend.turns, [])

    def test_probes_are_answered_for_every_host(self) -> None:
        for path in ("/livez", "/readyz", "/healthz", "/health", "/v1/livez"):
            self.assertEqual(self.status(Http(), "10.0.0.5:11435", path=path), 200, path)

    def test_configured_names_are_allowed_in_any_spelling(self) -> None:
        http = Http(allowed_hosts=("Box.lan", "fd00::5"))
        for host in ("box.lan", "BOX.LAN:80", "box.lan.", "[fd00::5]:80"):
            self.assertEqual(self.status(http, host), 200, host)
        for host in ("x.box.lan", "box.lan.evil.example", "host.docker.internal"):
            self.assertEqual(self.status(http, host), 403, host)
        self.assertEqual(self.status(Http(allowed_hosts=("*",)), "evil.example"), 200)

    def test_the_names_of_container_hosts_are_allowed_by_default(self) -> None:
        for host in ("host.docker.internal:11435", "host.containers.internal"):
            self.assertEqual(self.status(Http(), host), 200, host)

    def test_with_a_key_any_name_is_allowed(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        allowed = server.request("GET", "/v1/models", host="api.example", authorization="Bearer secret")
        self.assertEqual(allowed.status, 200)
        self.assertEqual(server.request("GET", "/v1/models", host="api.example").status, 401)

    def test_over_a_unix_socket_any_name_is_allowed(self) -> None:
        for host in ("evil.example", "", "codexd"):
            connection = InMemoryServer().connect(UNIXAddress("/run/codexd/http"))
            connection.send(request("GET", "/v1/models", host=host))
            self.assertEqual(connection.response.status, 200, host)

    def test_the_host_of_an_absolute_target_counts(self) -> None:
        for target, host, status in (
            ("http://evil.example/v1/models", "localhost", 403),
            ("http://localhost:11435/v1/models", "evil.example", 200),
        ):
            self.assertEqual(self.status(Http(), host, path=target), status)

    def test_a_request_of_http_1_0_without_a_host_is_allowed(self) -> None:
        connection = InMemoryServer().connect()
        connection.send(b"GET /v1/models HTTP/1.0\r\n\r\n")
        self.assertEqual(connection.response.status, 200)
