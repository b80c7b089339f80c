from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.cors import CorsPolicy

ALLOW = b"access-control-allow-origin"
CREDENTIALS = b"access-control-allow-credentials"
ALLOW_HEADERS = b"access-control-allow-headers"
PRIVATE = b"access-control-allow-private-network"

OBSIDIAN = b"app://obsidian.md"


class TestAnyOrigin(SynchronousTestCase):
    def setUp(self) -> None:
        self.cors = CorsPolicy.from_origins(("*",))

    def test_every_origin_is_allowed_without_credentials(self) -> None:
        for origin in (None, b"null", OBSIDIAN, b"capacitor://localhost", b"https://example.org"):
            headers = dict(self.cors.response_headers(origin))
            self.assertEqual(headers[ALLOW], b"*")
            self.assertNotIn(CREDENTIALS, headers)

    def test_the_headers_that_sdks_read_are_exposed(self) -> None:
        exposed = dict(self.cors.response_headers(OBSIDIAN))[b"access-control-expose-headers"].split(b", ")
        for name in (b"x-request-id", b"retry-after", b"x-should-retry", b"openai-processing-ms"):
            self.assertIn(name, exposed)

    def test_a_preflight_allows_the_requested_headers(self) -> None:
        requested = b"authorization, content-type,x-stainless-os"
        self.assertEqual(dict(self.cors.preflight_headers(OBSIDIAN, requested, None))[ALLOW_HEADERS], requested)

    def test_a_preflight_with_invalid_header_names_allows_none(self) -> None:
        for requested in (None, b"", b"a b", b"x-a,,x-b", b"x-a\r\nset-cookie: a", b'"x"'):
            self.assertNotIn(ALLOW_HEADERS, dict(self.cors.preflight_headers(OBSIDIAN, requested, None)), requested)

    def test_private_network_access_is_allowed_only_on_request(self) -> None:
        self.assertEqual(dict(self.cors.preflight_headers(OBSIDIAN, None, b"true"))[PRIVATE], b"true")
        self.assertNotIn(PRIVATE, dict(self.cors.preflight_headers(OBSIDIAN, None, None)))


class TestListedOrigins(SynchronousTestCase):
    def setUp(self) -> None:
        self.cors = CorsPolicy.from_origins(("app://obsidian.md", "https://Chat.Example.org/", "null"))

    def test_a_listed_origin_is_echoed_and_may_send_credentials(self) -> None:
        for origin in (OBSIDIAN, b"https://chat.example.org", b"null"):
            headers = dict(self.cors.response_headers(origin))
            self.assertEqual((headers[ALLOW], headers[CREDENTIALS]), (origin, b"true"))

    def test_another_origin_is_allowed_nothing(self) -> None:
        for origin in (None, b"https://example.org", b"https://chat.example.org.evil", b"*"):
            self.assertEqual(self.cors.response_headers(origin), ((b"vary", b"origin"),))
            self.assertEqual(self.cors.preflight_headers(origin, b"x-a", b"true"), ((b"vary", b"origin"),))

    def test_responses_vary_by_origin(self) -> None:
        self.assertEqual(dict(self.cors.response_headers(OBSIDIAN))[b"vary"], b"origin")


class TestLoopback(SynchronousTestCase):
    cors = CorsPolicy.from_origins(("app://obsidian.md", "loopback"))

    def test_pages_of_this_machine_are_allowed_on_any_port(self) -> None:
        for origin in (
            b"http://localhost",
            b"https://LOCALHOST:8443",
            b"http://127.0.0.1:3000",
            b"http://[::1]:1",
        ):
            self.assertTrue(self.cors.allows(origin), origin)
            self.assertEqual(dict(self.cors.response_headers(origin))[ALLOW], origin)

    def test_similar_origins_are_not_allowed(self) -> None:
        for origin in (
            b"http://localhost.evil.org",
            b"http://127.0.0.1.evil.org",
            b"null",
            b"http://localhost:",
        ):
            self.assertFalse(self.cors.allows(origin), origin)

    def test_a_request_without_an_origin_is_allowed(self) -> None:
        self.assertTrue(self.cors.allows(None))
