"""Header values and queries that are not UTF-8 or not what they should be: never an internal error."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.routes import Routes
from codexd.settings import Http
from tests.support.in_memory_server import InMemoryServer, chat

NAMES = (
    "accept", "accept-encoding", "access-control-request-headers", "access-control-request-private-network", "api-key",
    "authorization", "baggage", "content-encoding", "content-type", "cookie", "forwarded", "idempotency-key",
    "if-none-match", "openai-beta", "openai-organization", "openai-project", "origin", "range", "referer", "te",
    "traceparent", "tracestate", "upgrade", "user-agent", "x-api-key", "x-codexd-compatibility", "x-codexd-output-mode",
    "x-forwarded-for", "x-proxy-output-mode", "x-request-id", "x-stainless-retry-count", "x-stainless-timeout",
)  # fmt: skip
VALUES = ("\xff\xfe", "\xed\xa0\x80", "Bearer \xff", "\xc3", "", " ", "a\x7f\x01b", '"', "=?utf-8?q?=ff?=", "x" * 4000)
PATHS = (
    ("GET", "/v1/models", None),
    ("GET", "/livez", None),
    ("POST", "/v1/chat/completions", chat()),
    ("POST", "/v1/chat/completions", chat(stream=True)),
    ("POST", "/v1/completions", {"model": "gpt-5", "prompt": "hi"}),
    ("POST", "/v1/responses", {"model": "gpt-5", "input": "hi"}),
    ("POST", "/v1/responses/input_tokens", {"model": "gpt-5", "input": "hi"}),
    ("POST", "/v1/conversations", {}),
    ("GET", "/v1/responses/resp_1", None),
    ("GET", "/nothing", None),
    ("OPTIONS", "/v1/models", None),
)


class OddHeaderTests(SynchronousTestCase):
    open_server, keyed_server = InMemoryServer(), InMemoryServer(Http(api_keys=("secret",)))

    def send(self, server: InMemoryServer, method: str, path: str, body: object, headers: dict[str, str]) -> None:
        connection = server.connect()
        connection.request(method, path, body, **headers)
        for response in connection.responses(method):  # none, if a turn began
            self.assertLess(response.status, 500, (method, path, headers))
        connection.disconnect()
        self.assertEqual(server.metric("codexd_internal_error_total"), 0)
        self.assertNotIn("internal", [record.outcome for record in server.log.records])
        server.log.records.clear()

    def test_no_value_of_a_known_header_is_an_internal_error(self) -> None:
        for name in NAMES:
            for value in VALUES:
                self.send(self.open_server, *PATHS[2], {name: value})
            for path in PATHS:
                self.send(self.open_server, *path, {name: VALUES[0]})
                self.send(self.keyed_server, *path, {name: VALUES[0]})

    @given(st.dictionaries(st.sampled_from(NAMES), st.text(st.characters(max_codepoint=255), max_size=20), max_size=4))
    def test_any_values_together_are_no_internal_error(self, headers: dict[str, str]) -> None:
        clean = {name: value.replace("\r", "").replace("\n", "").replace("\0", "") for name, value in headers.items()}
        self.send(self.open_server, *PATHS[2], clean)

    def test_no_query_is_an_internal_error(self) -> None:
        for query in ("%ff", "%", "%zz", "a=%ff%fe", "=", "&&", "starting_after=%c3", "after=%00", "limit=%ff",
                      "stream=%ff", "include[]=%ff", "order=%ff", "a;b", "\xb0\x80", "limit=%d9%a1"):  # fmt: skip
            for path in ("/v1/models", "/v1/responses/resp_1", "/v1/responses/resp_1/input_items",
                         "/v1/conversations/conv_1/items", "/v1/%ff", "/%ff%fe", "/v1/models/%ff"):  # fmt: skip
                self.send(self.open_server, "GET", f"{path}?{query}", None, {})

    def test_the_type_of_a_body_may_be_written_in_any_way(self) -> None:
        for kind, status in (
            ("application/json", 200), ("Application/JSON", 200), ("application/json;charset=utf-8", 200), ("", 200),
            ('application/json; charset="UTF-8"', 200), (" application/json ; a=b", 200), ("text/plain", 200),
            ("application/x-www-form-urlencoded", 415), ("multipart/form-data; boundary=a", 415), ("text/html", 415),
            ("application/json, text/html", 415), ("json", 415), ("application/jsonx", 415), ("\xff", 415),
        ):  # fmt: skip
            response = InMemoryServer().request("POST", "/v1/conversations", {}, content_type=kind)
            self.assertEqual(response.status, status, kind)


class HeadTests(SynchronousTestCase):
    def test_every_url_that_can_be_got_answers_head_alike_and_without_body(self) -> None:
        urls = {rule.rule for rule in Routes.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
        self.assertGreater(len(urls), 12)
        for rule in urls:
            url = rule.replace("<id:id>", "resp_1").replace("<id:item_id>", "msg_1").replace("<path:id>", "gpt-5")
            server = InMemoryServer()
            get, head = server.request("GET", url), server.request("HEAD", url)
            self.assertEqual((head.status, head.body), (get.status, b""), url)
            self.assertEqual(head.headers["content-type"], get.headers["content-type"], url)
            connection = server.connect()
            connection.request("HEAD", url)
            connection.request("GET", "/livez")
            self.assertEqual([one.status for one in connection.responses("HEAD")], [get.status, 200], url)
