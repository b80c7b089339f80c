from datetime import UTC, datetime
from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Admin, ApiKey, Http, Page, Settings
from tests.support.in_memory_server import NOW, InMemoryServer
from tests.support.page_client import ELSEWHERE, PageClient

ADMIN = Admin(api_keys=("root",))
FORWARDED = (
    *("forwarded", "via", "x_forwarded_for", "x_forwarded_host", "x_forwarded_proto", "x_forwarded_server"),
    *("x_real_ip", "x_client_ip", "x_cluster_client_ip", "true_client_ip", "cf_connecting_ip", "x_forwarded_anything"),
)
SHOWN = b"plain-0"


def named(name: str, key: str, **more: object) -> ApiKey:
    return ApiKey(name=name, sha256=sha256(key.encode()).hexdigest(), **more)  # type: ignore[arg-type]


class WithoutKeysTests(SynchronousTestCase):
    def test_a_browser_of_this_machine_needs_no_sign_in(self) -> None:
        page = PageClient(InMemoryServer()).get("/")
        self.assertIn(SHOWN, page.body)
        self.assertNotIn(b"Sign out", page.body)

    def test_a_request_that_a_proxy_has_passed_on_is_not_from_this_machine(self) -> None:
        for name in FORWARDED:
            self.assertNotIn(SHOWN, PageClient(InMemoryServer()).get("/", **{name: "x"}).body, name)

    def test_a_request_without_a_host_is_not_from_this_machine(self) -> None:
        connection = PageClient(InMemoryServer()).connect()
        connection.send(b"GET / HTTP/1.0\r\naccept: text/html\r\n\r\n")
        self.assertNotIn(SHOWN, connection.transport.value())

    def test_with_an_administrators_key_it_is_needed_here_too(self) -> None:
        client = PageClient(InMemoryServer(admin=ADMIN))
        self.assertIn(b"Sign in", client.get("/").body)
        self.assertIn(SHOWN, client.get("/", authorization="Bearer root").body)


class SignInTests(SynchronousTestCase):
    def setUp(self) -> None:
        keys = (named("ann", "anns", admin=True), named("bob", "bobs"))
        self.server = InMemoryServer(Http(api_keys=("secret",)), admin=ADMIN, keys=keys)
        self.client = PageClient(self.server, ELSEWHERE)

    def test_the_key_of_an_administrator_opens_the_page_until_the_sign_out(self) -> None:
        response = self.client.sign_in(" root ")
        self.assertEqual((response.status, response.headers["location"]), (303, "/"))
        page = self.client.get("/")
        self.assertIn(SHOWN, page.body)
        self.assertIn(b"Signed in as", page.body)
        cookie = self.client.cookie
        out = self.client.post("/status/sign-out", {})
        self.assertEqual((out.status, out.headers["location"]), (303, "/"))
        self.assertIn("Max-Age=0", out.headers["set-cookie"])
        self.client.cookie = cookie
        self.assertNotIn(SHOWN, self.client.get("/").body)

    def test_the_cookie_is_strict_and_secure_behind_tls(self) -> None:
        cookie = self.client.sign_in("root").headers["set-cookie"]
        token, *attributes = cookie.split("; ")
        self.assertEqual(len(token), len("codexd_sign_in=") + 43)
        self.assertEqual(
            {one.lower() for one in attributes}, {"max-age=28800", "path=/", "httponly", "samesite=strict"}
        )
        self.client.get("/")
        secure = self.client.post("/status/sign-in", {"key": "root"}, x_forwarded_proto="https").headers["set-cookie"]
        self.assertIn("Secure", secure)

    def test_other_keys_are_refused_and_counted(self) -> None:
        for key, status, outcome in (
            ("wrong", 401, "invalid_api_key"),
            ("", 401, "invalid_api_key"),
            ("secret", 403, "not_an_admin"),
            ("bobs", 403, "not_an_admin"),
        ):
            response = self.client.sign_in(key)
            self.assertEqual((response.status, self.server.log.records[-1].outcome), (status, outcome), key)
            self.assertIn(b'role="alert"', response.body)
            self.assertNotIn("set-cookie", response.headers)
        self.assertEqual(self.server.metric("codexd_authentication_failed_total"), 2)

    def test_the_cookie_opens_the_page_only(self) -> None:
        self.client.sign_in("root")
        for path in ("/v1/models", "/metrics", "/admin/maintenance", "/admin/requests"):
            self.assertEqual(self.client.get(path).status, 401, path)
        self.assertEqual(self.client.send("POST", "/v1/chat/completions", {}).status, 401)
        self.assertEqual(self.client.send("POST", "/admin/maintenance", {"enabled": True}).status, 401)

    def test_it_ends_after_the_time_of_the_settings(self) -> None:
        self.client.sign_in("root")
        self.server.clock.advance(8 * 3600 - 1)
        self.assertIn(SHOWN, self.client.get("/").body)
        self.server.clock.advance(1)
        self.assertNotIn(SHOWN, self.client.get("/").body)

    def test_it_ends_with_its_key(self) -> None:
        self.client.sign_in("anns")
        self.assertIn(b"<strong>ann</strong>", self.client.get("/").body)
        settings = Settings(http=Http(api_keys=("secret",)), admin=ADMIN)
        self.server.apply(settings)
        self.assertNotIn(SHOWN, self.client.get("/").body)

    def test_it_ends_when_its_key_is_no_administrators_any_more(self) -> None:
        self.client.sign_in("anns")
        self.assertIn(SHOWN, self.client.get("/").body)
        self.server.apply(Settings(admin=ADMIN, key=(named("ann", "anns"),)))
        self.assertNotIn(SHOWN, self.client.get("/").body)

    def test_a_key_that_expires_ends_it_too(self) -> None:
        server = InMemoryServer(
            keys=(named("ann", "anns", admin=True, expires=datetime.fromtimestamp(NOW + 86400, UTC)),)
        )
        client = PageClient(server)
        self.assertEqual(client.sign_in("anns").status, 303)
        self.assertIn(SHOWN, client.get("/").body)
        server.clock.advance(86400)
        self.assertGreater(server.clock.seconds(), NOW)
        self.assertNotIn(SHOWN, client.get("/").body)

    def test_a_form_of_before_the_sign_in_is_out_of_date(self) -> None:
        self.client.get("/")
        before = self.client.token
        self.client.sign_in("root")
        self.assertEqual(self.client.post("/status/maintenance", {"token": before}).status, 403)

    def test_the_time_is_that_of_the_settings(self) -> None:
        server = InMemoryServer(admin=ADMIN, page=Page(sign_in_seconds=60.0))
        self.assertIn("Max-Age=60", PageClient(server).sign_in("root").headers["set-cookie"])


class ControlSocketTests(SynchronousTestCase):
    def test_the_page_needs_nothing_there(self) -> None:
        client = PageClient(InMemoryServer(Http(api_keys=("secret",))), control=True)
        self.assertIn(SHOWN, client.get("/").body)
        self.assertEqual(client.post("/status/maintenance", {"enabled": "no"}).status, 303)
