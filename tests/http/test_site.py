from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.wire import json
from tests.support.fake_backend import USAGE, text_answer
from tests.support.in_memory_server import InMemoryServer, chat

CALL_ANSWER = (
    e.Began(),
    e.CallOpened(index=0, id="fc_1", call_id="call_1", name="find"),
    e.CallDelta(0, "{}"),
    e.CallClosed(0),
    e.UsageReported(USAGE),
    e.Ended("tool_calls"),
)


class SiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def test_only_http_1_1_is_offered_over_tls(self) -> None:
        self.assertTrue(IProtocolNegotiationFactory.providedBy(self.server.site))
        self.assertEqual(self.server.site.acceptableProtocols(), [b"http/1.1"])

    def test_an_idle_site_has_no_timers(self) -> None:
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        self.server.site.doStop()

    def test_the_status_and_the_duration_are_logged(self) -> None:
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", chat())
        self.server.clock.advance(2.5)
        self.server.backend.turns[0].emit(*text_answer())
        (record,) = self.server.log.records
        self.assertEqual((record.status, record.seconds, record.outcome), (200, 2.5, "ok"))
        self.assertEqual(self.server.metric("codexd_request_duration_seconds_sum", route="/v1/chat/completions"), 2.5)

    def test_the_sizes_of_both_bodies_and_the_tools_are_logged(self) -> None:
        body = json.encode(chat(tools=[{"type": "function", "function": {"name": "find", "parameters": {}}}]))
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", body)
        self.server.backend.turns[0].emit(*CALL_ANSWER)
        (record,) = self.server.log.records
        self.assertEqual((record.received_bytes, record.tools_offered, record.tool_calls), (len(body), 1, 1))
        self.assertEqual(record.sent_bytes, len(connection.received.partition(b"\r\n\r\n")[2]))

    def test_the_trace_of_a_client_is_logged_and_returned(self) -> None:
        given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        traced = self.server.request("GET", "/v1/models", traceparent=given)
        untraced = self.server.request("GET", "/v1/models")
        first, second = self.server.log.records
        self.assertEqual((first.trace_id, traced.headers["traceparent"]), (given[3:35], given))
        self.assertNotIn("traceparent", untraced.headers)
        self.assertRegex(second.trace_id, "^[0-9a-f]{32}$")

    def test_a_tracestate_belongs_to_the_trace_of_the_client(self) -> None:
        for version, expected in (("00", "a=1"), ("ff", "")):
            given = f"{version}-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            headers = {"traceparent": given, "tracestate": "a=1"}
            self.server.connect().request("POST", "/v1/chat/completions", chat(), **headers)
            self.assertEqual(self.server.backend.turns[-1].context.tracestate, expected)

    def test_the_path_as_asked_is_in_the_log_and_not_in_the_metrics(self) -> None:
        self.server.request("GET", "/v1/no%0Awhere?key=secret")
        self.server.request("PUT", "/v1/chat/completions")
        self.server.request("GET", "/api/v1/models/")
        records = [(record.route, record.path) for record in self.server.log.records]
        expected = [("other", "/v1/no?where"), ("other", "/v1/chat/completions"), ("/v1/models", "/api/v1/models/")]
        self.assertEqual(records, expected)
        self.assertEqual(
            self.server.metric("codexd_requests_total", route="other", status="404", outcome="unknown_url"), 1
        )
