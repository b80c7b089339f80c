"""Upstreams out of settings."""

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.sources import Misconfigured
from codexd.observe.metrics import Metrics
from codexd.settings import Upstream
from codexd.upstream.service import Upstreams

FILES = {"/key": "sk-1", "/text": "no certificate"}


def read(path: str) -> str:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


class UpstreamsTests(SynchronousTestCase):
    def made(self, *settings: Upstream) -> Upstreams:
        return Upstreams(settings, {}, read, MemoryReactorClock(), lambda: 0.0, lambda: 0.0, Metrics())

    def test_they_stand_in_the_order_of_the_settings(self) -> None:
        made = self.made(Upstream("b", "http://b/v1"), Upstream("a", "https://a/v1", key_file="/key"))
        self.assertEqual([backend.name for backend in made.backends], ["b", "a"])
        # Nobody knows yet what they have.
        self.assertFalse(any(backend.ready() for backend in made.backends))

    def test_one_that_is_not_up_yet_is_asked_for_its_list_until_it_is(self) -> None:
        reactor = MemoryReactorClock()
        settings = (Upstream("a", "http://127.0.0.1/v1"),)
        made = Upstreams(settings, {}, read, reactor, lambda: 0.0, lambda: 0.0, Metrics())
        made.startService()
        for times in (1, 2, 3):
            self.assertEqual(len(reactor.tcpClients), times)
            factory = reactor.tcpClients[-1][2]
            factory.clientConnectionFailed(reactor.connectors[-1], Failure(ConnectionRefusedError()))
            reactor.pump([1.0] * 10)
        self.successResultOf(made.stopService())

    def test_what_cannot_be_used_is_told_before_anything_starts(self) -> None:
        cases = {
            "key_file /gone cannot be read": Upstream("a", "http://a/v1", key_file="/gone"),
            "ca_file cannot be used: No such file": Upstream("a", "https://a/v1", ca_file="/gone"),
            "ca_file cannot be used: no certificate in it": Upstream("a", "https://a/v1", ca_file="/text"),
        }
        for problem, settings in cases.items():
            told = str(self.assertRaises(Misconfigured, self.made, settings))
            self.assertIn(problem, told)
            self.assertIn("upstream 'a'", told)
