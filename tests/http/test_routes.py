from twisted.trial.unittest import SynchronousTestCase
from werkzeug.routing import Rule

from codexd.http.routes import Routes
from codexd.settings import Http
from tests.support.in_memory_server import InMemoryServer

PUBLIC = {"/livez", "/readyz", "/healthz"}
ASKED_FOR_NO_KEY = {"OPTIONS"}  # preflights, which CORS forbids to carry one


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


class TestAuthentication(SynchronousTestCase):
    """A route authenticates unless it says that it is public."""

    def test_every_method_of_every_route_but_the_public_ones_needs_a_key(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        asked, calls = 0, list(server.store.calls)
        for template, path, method in endpoints():
            if template in PUBLIC or method in ASKED_FOR_NO_KEY:
                continue
            for headers in ({}, {"authorization": "Bearer wrong"}):
                response = server.request(method, path, {} if method == "POST" else None, **headers)
                self.assertEqual(response.status, 401, f"{method} {path}")
                asked += 1
        self.assertGreater(asked, 40)
        self.assertEqual(server.backend.turns, [])
        self.assertEqual(server.backend.embedding, [])
        self.assertEqual(server.store.calls, calls)

    def test_the_public_routes_are_these_and_no_others(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        public = {template for template, path, method in endpoints() if server.request(method, path).status != 401}
        self.assertEqual(public, PUBLIC)

    def test_with_the_key_every_route_gets_past_authentication(self) -> None:
        server = InMemoryServer(Http(api_keys=("secret",)))
        for _, path, method in endpoints():
            if path == "/v1/embeddings":
                continue  # passed on, and answered by nobody here
            response = server.request(method, path, {} if method == "POST" else None, authorization="Bearer secret")
            self.assertNotEqual(response.status, 401, f"{method} {path}")
