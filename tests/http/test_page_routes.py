from twisted.trial.unittest import SynchronousTestCase
from werkzeug.routing import Rule

from codexd.http.page_routes import PageRoutes
from codexd.settings import Admin, Http, Page
from tests.support.in_memory_server import InMemoryServer
from tests.support.page_client import ELSEWHERE, PageClient

FOR_ANYONE = {"/status/sign-in", "/status/sign-out", "/status/style.css", "/status/script.js"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def routes() -> list[tuple[str, str]]:
    """Return an example path and a method of every route of the page."""
    rules: list[Rule] = list(PageRoutes.app.url_map.iter_rules())
    return [(rule.rule.replace("<id:id>", "req_1"), method) for rule in rules for method in sorted(rule.methods or ())]


class PageRouteTests(SynchronousTestCase):
    """A route is for visitors unless it says that it is for anyone."""

    def test_every_route_but_those_for_anyone_needs_a_sign_in(self) -> None:
        checked = 0
        for keys in (Http(api_keys=("secret",)), Http()):
            server = InMemoryServer(keys, admin=Admin(api_keys=("root",)))
            client = PageClient(server)
            client.get("/")
            for path, method in routes():
                if path in FOR_ANYONE or method == "OPTIONS":
                    continue
                for headers in ({}, {"x_api_key": "secret"}, {"cookie": "codexd_sign_in=wrong"}):
                    if method == "POST":
                        response = client.post(path, {}, **headers)
                    else:
                        response = client.send(method, path, None, **headers)
                    shown = b"Sign in" if path == "/" and method == "GET" else b""
                    self.assertEqual(
                        (response.status, shown in response.body), (200 if path == "/" else 303, True), path
                    )
                    self.assertNotIn(b"plain-0", response.body)
                    checked += 1
        self.assertGreater(checked, 30)
        self.assertFalse(server.front.maintenance.state.enabled)

    def test_every_form_must_come_from_the_page(self) -> None:
        server = InMemoryServer()
        client = PageClient(server)
        client.get("/")
        for path, method in routes():
            if method != "POST":
                continue
            for fields, headers in (
                ({"token": ""}, {}),
                ({"token": "0" * 64}, {}),
                ({}, {"sec_fetch_site": "cross-site"}),
                ({}, {"sec_fetch_site": "same-site"}),
                ({}, {"sec_fetch_site": "none"}),
            ):
                response = client.post(path, {"enabled": "yes", "retry_after_seconds": "60"} | fields, **headers)
                self.assertEqual(response.status, 403, (path, fields, headers))
                self.assertIn(b"Load the page again", response.body)
                self.assertEqual(server.log.records[-1].outcome, "form_rejected")
        self.assertFalse(server.front.maintenance.state.enabled)
        self.assertEqual(server.backend.turns, [])

    def test_every_response_has_the_strict_headers(self) -> None:
        client = PageClient(InMemoryServer())
        client.get("/")
        for path, method in (*routes(), ("/status/unknown", "GET")):
            if method == "OPTIONS":
                continue
            response = client.post(path, {}) if method == "POST" else client.send(method, path, None)
            for name, value in (
                ("content-security-policy", POLICY),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cache-control", "no-store"),
                ("cross-origin-resource-policy", "same-origin"),
            ):
                self.assertEqual(response.headers[name], value, path)
            self.assertNotIn("access-control-allow-origin", response.headers)

    def test_pages_of_other_origins_may_not_read_it(self) -> None:
        response = PageClient(InMemoryServer()).get("/", origin="http://localhost:3000")
        self.assertNotIn("access-control-allow-origin", response.headers)

    def test_the_root_is_the_page_for_browsers_only(self) -> None:
        server = InMemoryServer()
        client = PageClient(server)
        for accept in ("text/html", "text/html,application/xhtml+xml,*/*;q=0.8", "TEXT/HTML"):
            self.assertIn("text/html", client.get("/", accept=accept).headers["content-type"], accept)
        for accept in ("*/*", "application/json", ""):
            self.assertEqual(client.get("/", accept=accept).json["name"], "codexd", accept)
        self.assertEqual(client.get("/v1").json["name"], "codexd")
        self.assertEqual(client.send("POST", "/", {}).status, 405)

    def test_unknown_paths_and_methods_are_pages_too(self) -> None:
        client = PageClient(InMemoryServer())
        unknown, wrong = client.get("/status/unknown"), client.send("POST", "/status/style.css", b"")
        self.assertEqual((unknown.status, wrong.status), (404, 405))
        self.assertEqual(wrong.headers["allow"], "GET, HEAD")
        self.assertIn(b"Unknown request URL", unknown.body)

    def test_a_form_is_limited(self) -> None:
        client = PageClient(InMemoryServer())
        client.get("/")
        self.assertEqual(client.post("/status/playground", {"message": "x" * 70000}).status, 413)
        many = client.encode({f"field {number}": "" for number in range(300)})
        form = {"content_type": "application/x-www-form-urlencoded"}
        self.assertEqual(client.send("POST", "/status/playground", many, **form).status, 400)
        self.assertEqual(client.send("POST", "/status/playground", {"token": client.token}).status, 403)

    def test_a_defect_is_a_page_without_details(self) -> None:
        server = InMemoryServer()
        server.status.backends = lambda: 1 // 0  # type: ignore[assignment, return-value]
        response = PageClient(server).get("/")
        self.assertEqual((response.status, server.metric("codexd_internal_error_total")), (500, 1))
        self.assertNotIn(b"ZeroDivision", response.body)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_the_page_can_be_switched_off(self) -> None:
        client = PageClient(InMemoryServer(page=Page(enabled=False)))
        self.assertEqual(client.get("/").json["name"], "codexd")
        self.assertEqual(client.get("/status/style.css").status, 404)

    def test_the_host_is_checked_without_keys(self) -> None:
        client = PageClient(InMemoryServer())
        for host in ("evil.example", "host.docker.internal:11435"):
            self.assertNotIn(b"plain-0", client.get("/", host=host).body, host)
        self.assertIn(b"plain-0", client.get("/", host="127.0.0.1:11435").body)

    def test_a_client_elsewhere_is_no_visitor_without_keys(self) -> None:
        self.assertNotIn(b"plain-0", PageClient(InMemoryServer(), ELSEWHERE).get("/").body)
