from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.cors import Cors

ALLOW = b"access-control-allow-origin"
CREDENTIALS = b"access-control-allow-credentials"
ASKED = b"access-control-allow-headers"
PRIVATE = b"access-control-allow-private-network"

OBSIDIAN = b"app://obsidian.md"


class TestAnyOrigin(SynchronousTestCase):
    def setUp(self) -> None:
        self.cors = Cors.allowing(("*",))

    def test_every_origin_may_read_and_sends_no_credentials(self) -> None:
        for origin in (None, b"null", OBSIDIAN, b"capacitor://localhost", b"https://example.org"):
            headers = dict(self.cors.answer(origin))
            self.assertEqual(headers[ALLOW], b"*")
            self.assertNotIn(CREDENTIALS, headers)

    def test_what_an_sdk_needs_is_exposed(self) -> None:
        exposed = dict(self.cors.answer(OBSIDIAN))[b"access-control-expose-headers"].split(b", ")
        for name in (b"x-request-id", b"retry-after", b"x-should-retry", b"openai-processing-ms"):
            self.assertIn(name, exposed)

    def test_a_preflight_echoes_the_headers_asked_for(self) -> None:
        asked = b"authorization, content-type,x-stainless-os"
        self.assertEqual(dict(self.cors.preflight(OBSIDIAN, asked, None))[ASKED], asked)

    def test_a_preflight_that_asks_for_no_names_gets_none(self) -> None:
        for asked in (None, b"", b"a b", b"x-a,,x-b", b"x-a\r\nset-cookie: a", b'"x"'):
            self.assertNotIn(ASKED, dict(self.cors.preflight(OBSIDIAN, asked, None)), asked)

    def test_a_public_page_may_reach_a_local_server_only_if_it_asks(self) -> None:
        self.assertEqual(dict(self.cors.preflight(OBSIDIAN, None, b"true"))[PRIVATE], b"true")
        self.assertNotIn(PRIVATE, dict(self.cors.preflight(OBSIDIAN, None, None)))


class TestListedOrigins(SynchronousTestCase):
    def setUp(self) -> None:
        self.cors = Cors.allowing(("app://obsidian.md", "https://Chat.Example.org/", "null"))

    def test_a_listed_origin_is_named_and_may_send_credentials(self) -> None:
        for origin in (OBSIDIAN, b"https://chat.example.org", b"null"):
            headers = dict(self.cors.answer(origin))
            self.assertEqual((headers[ALLOW], headers[CREDENTIALS]), (origin, b"true"))

    def test_another_origin_is_told_nothing(self) -> None:
        for origin in (None, b"https://example.org", b"https://chat.example.org.evil", b"*"):
            self.assertEqual(self.cors.answer(origin), ((b"vary", b"origin"),))
            self.assertEqual(self.cors.preflight(origin, b"x-a", b"true"), ((b"vary", b"origin"),))

    def test_caches_are_told_that_it_depends_on_the_origin(self) -> None:
        self.assertEqual(dict(self.cors.answer(OBSIDIAN))[b"vary"], b"origin")


class TestLoopback(SynchronousTestCase):
    cors = Cors.allowing(("app://obsidian.md", "loopback"))

    def test_pages_of_this_machine_may_call_on_any_port(self) -> None:
        for origin in (
            b"http://localhost",
            b"https://LOCALHOST:8443",
            b"http://127.0.0.1:3000",
            b"http://[::1]:1",
        ):
            self.assertTrue(self.cors.welcomes(origin), origin)
            self.assertEqual(dict(self.cors.answer(origin))[ALLOW], origin)

    def test_pages_that_only_look_like_it_may_not(self) -> None:
        for origin in (
            b"http://localhost.evil.org",
            b"http://127.0.0.1.evil.org",
            b"null",
            b"http://localhost:",
        ):
            self.assertFalse(self.cors.welcomes(origin), origin)

    def test_who_is_no_page_sends_no_origin(self) -> None:
        self.assertTrue(self.cors.welcomes(None))
