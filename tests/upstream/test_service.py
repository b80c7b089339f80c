"""Tests of codexd.upstream.service."""

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.sources import ConfigurationError
from codexd.observe.metrics import Metrics
from codexd.settings import Upstream
from codexd.upstream.service import Upstreams

FILES = {"/key": "sk-1", "/text": "no certificate"}


def read(path: str) -> str:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


class UpstreamsTests(SynchronousTestCase):
    def build(self, *settings: Upstream) -> Upstreams:
        return Upstreams(settings, {}, read, MemoryReactorClock(), lambda: 0.0, lambda: 0.0, Metrics())

    def test_the_back_ends_have_the_order_of_the_settings(self) -> None:
        upstreams = self.build(
            Upstream(name="b", base_url="http://b/v1"), Upstream(name="a", base_url="https://a/v1", key_file="/key")
        )
        self.assertEqual([backend.name for backend in upstreams.backends], ["b", "a"])
        # Their models are not known yet.
        self.assertFalse(any(backend.ready() for backend in upstreams.backends))

    def test_the_list_of_an_unreachable_upstream_is_requested_again_and_again(self) -> None:
        reactor = MemoryReactorClock()
        settings = (Upstream(name="a", base_url="http://127.0.0.1/v1"),)
        upstreams = Upstreams(settings, {}, read, reactor, lambda: 0.0, lambda: 0.0, Metrics())
        upstreams.startService()
        for times in (1, 2, 3):
            self.assertEqual(len(reactor.tcpClients), times)
            factory = reactor.tcpClients[-1][2]
            factory.clientConnectionFailed(reactor.connectors[-1], Failure(ConnectionRefusedError()))
            reactor.pump([1.0] * 10)
        self.successResultOf(upstreams.stopService())

    def test_what_was_built_but_never_started_can_be_stopped(self) -> None:
        upstreams = self.build(Upstream(name="a", base_url="http://a/v1"))
        self.successResultOf(upstreams.stopService())

    def test_unreadable_files_are_reported_before_anything_starts(self) -> None:
        cases = {
            "key_file /gone cannot be read": Upstream(name="a", base_url="http://a/v1", key_file="/gone"),
            "ca_file /gone cannot be used: No such file": Upstream(name="a", base_url="https://a/v1", ca_file="/gone"),
            "ca_file /text cannot be used: it contains no certificate": Upstream(
                name="a", base_url="https://a/v1", ca_file="/text"
            ),
        }
        for problem, settings in cases.items():
            message = str(self.assertRaises(ConfigurationError, self.build, settings))
            self.assertIn(problem, message)
            self.assertIn("upstream 'a'", message)
