import re

from twisted.trial.unittest import SynchronousTestCase
from werkzeug.routing import Rule

from codexd.fronts.forwarding import ENDPOINTS
from codexd.fronts.openapi import OPERATIONS
from codexd.fronts.unknown_url import unknown_url
from codexd.http.routes import Routes
from codexd.settings import Admin, Http
from tests.support.fake_backend import text_answer
from tests.support.http_cases import CHAT, RESPONSES
from tests.support.in_memory_server import InMemoryServer

ADMIN = {
    "/admin/maintenance",
    "/admin/reload",
    "/admin/requests",
    "/admin/requests/<id:id>",
    "/admin/workers/recycle",
}
PUBLIC = {"/v1", "/openapi.json", "/livez", "/readyz", "/healthz", "/health"}
UNKNOWN = "Unknown request URL. This is codexd, which serves OpenAI's API"
WITHOUT_KEY = {"OPTIONS"}  # preflights, which CORS forbids to carry one


def endpoints() -> list[tuple[str, str, str]]:
    """Return the template, an example path and a method of every endpoint of the URL map."""
    found = []
    for rule in Routes.app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            found.append((rule.rule, _example(rule), method))
    return found


def _example(rule: Rule) -> str:
    path = rule.rule
    for name in rule.arguments:
        for converter in ("id", "path"):
            path = path.replace(f"<{converter}:{name}>", "one")
    assert "<" not in path, path
    return path


class RouteAuthenticationTests(SynchronousTestCase):
    """A route authenticates unless it says that it is public."""

    def test_every_method_of_every_route_but_the_public_ones_needs_a_key(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        checked, calls = 0, list(server.store.calls)
        for template, path, method in endpoints():
            if template in PUBLIC | ADMIN or method in WITHOUT_KEY:
                continue
            for headers in ({}, {"authorization": "Bearer wrong"}):
                response = server.request(method, path, {} if method == "POST" else None, **headers)
                self.assertEqual(response.status, 401, f"{method} {path}")
                checked += 1
        self.assertGreater(checked, 40)
        self.assertEqual(server.backend.turns, [])
        self.assertEqual((server.backend.embedding, server.backend.forwarded), ([], []))
        self.assertEqual(server.store.calls, calls)

    def test_the_public_routes_are_the_probes_only(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        public = {template for template, path, method in endpoints() if server.request(method, path).status != 401}
        self.assertEqual(public, PUBLIC | ADMIN)
        for template, path, method in endpoints():
            if template in ADMIN and method not in WITHOUT_KEY:
                self.assertEqual(server.request(method, path, {} if method == "POST" else None).status, 404, path)

    def test_the_routes_for_administrators_need_the_key_of_one(self) -> None:
        checked = 0
        for http in (Http(), Http(api_keys=("secret",))):
            server = InMemoryServer(http, admin=Admin(api_keys=("root",)))
            for template, path, method in endpoints():
                if template in ADMIN and method not in WITHOUT_KEY:
                    body = {} if method == "POST" else None
                    for key, status in (("wrong", 401), ("", 401), ("secret", 403 if http.api_keys else 401)):
                        response = server.request(method, path, body, x_api_key=key)
                        self.assertEqual(response.status, status, (method, path, key))
                    response = server.request(method, path, body, x_api_key="root")
                    self.assertNotIn(response.status, (401, 403))
                    self.assertNotIn("Unknown request URL", response.body.decode())
                    checked += 1
            self.assertEqual(server.request("GET", "/v1/models", x_api_key="root").status, 200)
        self.assertGreater(checked, 5)

    def test_with_a_key_every_route_passes_authentication(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        for _, path, method in endpoints():
            if path == "/v1/embeddings" or path.removeprefix("/v1/") in ENDPOINTS:
                continue  # forwarded to an upstream, which does not answer here
            response = server.request(method, path, {} if method == "POST" else None, authorization="Bearer secret")
            self.assertNotEqual(response.status, 401, f"{method} {path}")


class OpenApiTests(SynchronousTestCase):
    """The description has every route."""

    def test_every_route_and_method_is_described_and_no_other(self) -> None:
        described = {(one.path, one.method) for one in OPERATIONS}
        self.assertEqual(len(described), len(OPERATIONS))
        routed = {
            (re.sub(r"<\w+:(\w+)>", r"{\1}", template), method)
            for template, _, method in endpoints()
            if method not in WITHOUT_KEY | {"HEAD"}
        }
        self.assertEqual(described, routed)

    def test_the_access_is_that_of_the_routes(self) -> None:
        access = {one.path: one.access for one in OPERATIONS}
        self.assertEqual({path for path in access if access[path] == "public"}, PUBLIC)
        self.assertEqual(
            {path for path in access if access[path] == "administrator"},
            {path.replace("<id:id>", "{id}") for path in ADMIN},
        )

    def test_it_is_served_without_a_key_and_every_reference_resolves(self) -> None:
        response = InMemoryServer(Http(api_keys=("secret",))).request("GET", "/openapi.json")
        self.assertEqual((response.status, response.headers["content-type"]), (200, "application/json"))
        schemas = response.json["components"]["schemas"]
        used = set(re.findall(rb"#/components/schemas/(\w+)", response.body))
        self.assertEqual({name.decode() for name in used}, set(schemas))
        self.assertNotIn(b"secret", response.body)


class RouteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def test_a_head_is_a_get_without_its_body(self) -> None:
        for path in ("/v1/models", "/v1/models/gpt-5", "/livez", "/metrics"):
            head, get = self.server.request("HEAD", path), self.server.request("GET", path)
            self.assertEqual((head.status, head.body), (200, b""), path)
            if path != "/metrics":
                self.assertEqual(head.headers["content-length"], get.headers["content-length"])

    def test_a_wrong_method_is_405_with_the_allowed_methods(self) -> None:
        for method, path, allowed in (
            ("GET", CHAT, "OPTIONS, POST"),
            ("HEAD", CHAT, "OPTIONS, POST"),
            ("DELETE", RESPONSES, "OPTIONS, POST"),
            ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
            ("PUT", "/v1/models/gpt-5", "GET, HEAD, OPTIONS"),
            ("PATCH", "/livez", "GET, HEAD, OPTIONS"),
            ("POST", f"{RESPONSES}/resp_0", "DELETE, GET, HEAD, OPTIONS"),
            ("GET", f"{RESPONSES}/resp_0/cancel", "OPTIONS, POST"),
            ("DELETE", f"{RESPONSES}/resp_0/input_items", "GET, HEAD, OPTIONS"),
            ("PUT", f"{RESPONSES}/input_tokens", "DELETE, GET, HEAD, OPTIONS, POST"),
            ("GET", "/v1/conversations", "OPTIONS, POST"),
            ("PUT", "/v1/conversations/conv_0", "DELETE, GET, HEAD, OPTIONS, POST"),
            ("DELETE", "/v1/conversations/conv_0/items", "GET, HEAD, OPTIONS, POST"),
            ("POST", "/v1/conversations/conv_0/items/msg_0", "DELETE, GET, HEAD, OPTIONS"),
        ):
            response = self.server.request(method, path)
            self.assertEqual((response.status, response.headers["allow"]), (405, allowed), path)
            if method != "HEAD":
                self.assertEqual(response.error["type"], "invalid_request_error")

    def test_a_websocket_upgrade_at_responses_is_426(self) -> None:
        for value in ("websocket", "WebSocket"):
            response = self.server.request("GET", RESPONSES, connection="Upgrade", upgrade=value)
            self.assertEqual((response.status, response.headers["upgrade"]), (426, "HTTP/1.1"))
            self.assertEqual(response.error["type"], "invalid_request_error")
            self.assertIn("POST", response.error["message"])
        self.assertEqual(self.server.request("GET", RESPONSES, connection="Upgrade", upgrade="h2c").status, 405)

    def test_an_unknown_path_is_a_json_404_whatever_the_method(self) -> None:
        for method in ("GET", "POST", "DELETE"):
            for path in (
                "/api/ps",
                "/v1/audio",
                "/v1/chat/%ff",
                "/favicon.ico",
                "/livez/x",
                "/%00",
            ):
                response = self.server.request(method, path)
                self.assertEqual(response.status, 404, path)
                self.assertTrue(response.error["message"].startswith(UNKNOWN), path)

    def test_an_invalid_id_is_404_and_is_not_echoed(self) -> None:
        for id in ("a" * 257, "a%20b", "%00", "%3Cb%3E", "caf%C3%A9", "a%2Fb/c", "a;b"):
            for path in (f"{RESPONSES}/{id}", f"{RESPONSES}/{id}/input_items", f"/v1/conversations/{id}"):
                response = self.server.request("GET", path)
                self.assertEqual((response.status, response.error["message"]), (404, unknown_url("").message), path)

    def test_the_template_of_the_route_is_logged(self) -> None:
        for path in ("resp_0", "resp_0/input_items"):
            self.server.request("GET", f"{RESPONSES}/{path}")
        for path in ("conv_0", "conv_0/items", "conv_0/items/msg_0"):
            self.server.request("DELETE" if "msg" in path else "GET", f"/v1/conversations/{path}")
        routes = [record.route for record in self.server.log.records]
        self.assertEqual(routes[:2], [f"{RESPONSES}/{{id}}", f"{RESPONSES}/{{id}}/input_items"])
        conversation = "/v1/conversations/{id}"
        self.assertEqual(routes[2:], [conversation, f"{conversation}/items", f"{conversation}/items/{{item_id}}"])

    def test_every_spelling_of_a_path_with_an_id_is_found(self) -> None:
        connection = self.server.connect()
        connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi"})
        self.server.backend.turns[0].emit(*text_answer())
        id = connection.response.json["id"]
        for path in (f"/responses/{id}", f"/v1/v1/responses/{id}/", f"/api/v1/responses//{id}"):
            self.assertEqual(self.server.request("GET", path).json["id"], id)

    def test_an_exception_in_a_route_is_a_json_500_and_is_logged(self) -> None:
        self.server.backend.cards = None
        response = self.server.request("GET", "/v1/models", x_request_id="one")
        self.assertEqual((response.status, response.error["code"]), (500, "internal"))
        self.assertEqual(response.headers["x-should-retry"], "false")
        self.assertEqual(self.server.log.records[0].outcome, "internal")
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)
