"""What goes wrong on the way, and the Fault each amounts to."""

from OpenSSL.SSL import Error as TLSError
from twisted.internet import error
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived

from codexd.backs.chat.failures import MALFORMED
from codexd.upstream.failures import cut, translate


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
            found = translate(Failure(raised))
            self.assertEqual((found.kind, found.note), (kind, note), raised)

    def test_a_body_that_broke_off_was_cut_or_could_not_be_understood(self) -> None:
        lost = cut(Failure(ResponseFailed([Failure(error.ConnectionLost())])))
        self.assertEqual(lost.kind, "stream_cut")
        self.assertEqual(cut(Failure(ResponseFailed([Failure(ValueError("?"))]))), MALFORMED)
