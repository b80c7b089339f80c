"""Tests of codexd.upstream.failures."""

from OpenSSL.SSL import Error as TLSError
from twisted.internet import error
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived

from codexd.backs.chat.failures import MALFORMED
from codexd.upstream.failures import translate_body_failure, translate_request_failure


class TranslateTests(SynchronousTestCase):
    def test_every_failure_has_its_kind_and_its_note(self) -> None:
        lost, tls = Failure(error.ConnectionLost()), Failure(TLSError([("SSL", "", "bad certificate")]))
        cases: list[tuple[BaseException, str, str]] = [
            (error.ConnectionRefusedError(), "unreachable", "connect"),
            (error.NoRouteError(), "unreachable", "connect"),
            (error.DNSLookupError(), "unreachable", "dns"),
            (error.TimeoutError(), "unreachable", "connect_timeout"),
            (ResponseNeverReceived([tls]), "unreachable", "tls"),
            (ResponseNeverReceived([lost]), "unreachable", "lost"),
            (RequestTransmissionFailed([lost]), "unreachable", "lost"),
            (ResponseFailed([Failure(ValueError("?"))]), "model_failed", "malformed"),
            (ZeroDivisionError(), "unreachable", "ZeroDivisionError"),
        ]
        for raised, kind, note in cases:
            found = translate_request_failure(Failure(raised))
            self.assertEqual((found.kind, found.note), (kind, note), raised)

    def test_a_broken_body_was_cut_or_is_malformed(self) -> None:
        lost = translate_body_failure(Failure(ResponseFailed([Failure(error.ConnectionLost())])))
        self.assertEqual(lost.kind, "stream_cut")
        self.assertEqual(translate_body_failure(Failure(ResponseFailed([Failure(ValueError("?"))]))), MALFORMED)
