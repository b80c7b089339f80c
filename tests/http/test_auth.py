from twisted.trial.unittest import SynchronousTestCase

from codexd.http.auth import UNKNOWN_CALLER_BODY_BYTES
from codexd.policy.auth import KeyRing
from codexd.settings import Http
from codexd.wire import json
from tests.support.in_memory_server import InMemoryServer, chat

CHAT = "/v1/chat/completions"
BODY = json.encode(chat())


class ApiKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(api_keys=("secret", "other")))

    def test_a_key_is_accepted_in_every_header_that_clients_use(self) -> None:
        for headers in (
            {"authorization": "Bearer secret"},
            {"authorization": "bearer secret"},
            {"authorization": "secret"},
            {"x_api_key": "other"},
            {"api_key": "other"},
        ):
            self.assertEqual(self.server.request("GET", "/v1/models", **headers).status, 200, headers)

    def test_a_wrong_or_missing_key_is_401(self) -> None:
        for method, path in (
            ("GET", "/v1/models"),
            ("GET", "/v1/models/gpt-5"),
            ("GET", "/metrics"),
            ("POST", CHAT),
            ("POST", "/v1/responses"),
        ):
            body = BODY if method == "POST" else None
            for headers in ({}, {"authorization": "Bearer wrong"}, {"x_api_key": ""}):
                response = self.server.request(method, path, body, **headers)
                self.assertEqual(response.status, 401, (path, headers))
                self.assertEqual(response.error["code"], "invalid_api_key")
                self.assertIn("Bearer", response.headers["www-authenticate"])
                self.assertEqual(response.headers["x-should-retry"], "false")
        self.assertEqual(self.server.backend.turns, [])

    def test_the_turn_and_the_request_log_have_the_principal_and_not_the_key(self) -> None:
        self.server.connect().request("POST", CHAT, chat(), authorization="Bearer secret")
        principal = self.server.backend.turns[0].turn.principal
        self.assertRegex(principal, r"^[0-9a-f]{12}$")
        self.server.request("GET", "/v1/models", x_api_key="secret")
        self.assertEqual(self.server.log.records[0].principal, principal)

    def test_without_configured_keys_every_key_is_accepted(self) -> None:
        self.assertEqual(InMemoryServer().request("GET", "/v1/models", authorization="Bearer dummy").status, 200)

    def test_the_body_of_an_unknown_caller_is_read_up_to_a_small_limit(self) -> None:
        connection = self.server.connect()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {UNKNOWN_CALLER_BODY_BYTES + 1}\r\n\r\n"
        connection.send(head.encode())
        self.assertEqual(connection.response.status, 401)

    def test_the_key_is_looked_up_once_per_request(self) -> None:
        lookups = []
        identify = KeyRing.identify
        self.patch(KeyRing, "identify", lambda ring, keys, now: lookups.append(keys) or identify(ring, keys, now))
        self.server.request("POST", CHAT, {}, authorization="Bearer secret")
        self.assertEqual(len(lookups), 1)
