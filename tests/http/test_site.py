from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.trial.unittest import SynchronousTestCase

from tests.support.backend import hello
from tests.support.web import Web, chat


class TestSite(SynchronousTestCase):
    def setUp(self) -> None:
        self.web = Web()

    def test_tls_is_offered_http_1_1_alone(self) -> None:
        self.assertTrue(IProtocolNegotiationFactory.providedBy(self.web.site))
        self.assertEqual(self.web.site.acceptableProtocols(), [b"http/1.1"])

    def test_a_site_at_rest_has_no_timers(self) -> None:
        self.assertEqual(self.web.clock.getDelayedCalls(), [])
        self.web.site.doStop()

    def test_the_journal_has_the_status_and_the_duration(self) -> None:
        connection = self.web.connect()
        connection.ask("POST", "/v1/chat/completions", chat())
        self.web.clock.advance(2.5)
        self.web.backend.turns[0].tell(*hello())
        (record,) = self.web.log.records
        self.assertEqual((record.status, record.seconds, record.outcome), (200, 2.5, "ok"))
        self.assertEqual(self.web.figure("codexd_request_seconds_sum", route="/v1/chat/completions"), 2.5)
