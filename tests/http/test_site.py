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
