from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.trial.unittest import SynchronousTestCase

from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import InMemoryServer, chat


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

    def test_the_path_of_an_unknown_route_is_in_the_log_and_not_in_the_metrics(self) -> None:
        self.server.request("GET", "/v1/no%0Awhere?key=secret")
        self.server.request("PUT", "/v1/chat/completions")
        self.server.request("GET", "/v1/models")
        records = [(record.route, record.path) for record in self.server.log.records]
        expected = [("other", "/v1/no?where"), ("other", "/v1/chat/completions"), ("/v1/models", "")]
        self.assertEqual(records, expected)
        self.assertEqual(
            self.server.metric("codexd_requests_total", route="other", status="404", outcome="unknown_url"), 1
        )
