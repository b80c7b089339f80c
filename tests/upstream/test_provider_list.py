"""Tests of codexd.upstream.provider_list, with treq's traversal of a resource in memory."""

from attrs import evolve
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from codexd.backs.codex_config import ConfiguredProvider
from codexd.neutral.fault import FaultError
from codexd.neutral.model import ModelCard
from codexd.upstream.provider_list import LIST_SECONDS, ProviderListReader

PROVIDER = ConfiguredProvider(
    id="mine",
    base_url="http://mine.example/v1/",
    env_key="KEY",
    headers=(("x-tenant", "t1"),),
    env_headers=(("x-extra", "EXTRA"), ("x-none", "NOT_SET")),
    query=(("version", "2 3"),),
)
ENVIRON = {"KEY": " sk-1\n", "EXTRA": "more"}


class ListResource(Resource):
    """Responds with a status and a body, or not at all."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.status = 200
        self.body: bytes | None = b'{"data": [{"id": "a", "max_model_len": 9}, {"id": "b"}]}'

    def render(self, request: Request) -> bytes | int:
        self.requests.append(request)
        request.setResponseCode(self.status)
        request.setHeader("location", "http://elsewhere.example/")
        return NOT_DONE_YET if self.body is None else self.body


class ProviderListReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.resource = ListResource()
        self.agent = RequestTraversalAgent(self.resource)
        self.clock = Clock()

    def read(self, provider: ConfiguredProvider = PROVIDER) -> "Deferred[tuple[ModelCard, ...]]":
        reader = ProviderListReader(provider, ENVIRON, self.clock, lambda: 0.0, self.agent)
        reading = Deferred.fromCoroutine(reader())
        self.agent.flush()
        return reading

    def kind(self, provider: ConfiguredProvider = PROVIDER) -> str:
        error = self.failureResultOf(self.read(provider), FaultError).value
        assert isinstance(error, FaultError)
        return error.fault.kind

    def test_the_list_is_read_with_the_provider_s_key_headers_and_query(self) -> None:
        cards = self.successResultOf(self.read())
        self.assertEqual([(card.id, card.context_window) for card in cards], [("a", 9), ("b", None)])
        (request,) = self.resource.requests
        self.assertEqual((request.method, request.uri), (b"GET", b"/v1/models?version=2%203"))
        found = [request.getHeader(name) for name in ("authorization", "x-tenant", "x-extra", "x-none")]
        self.assertEqual(found, ["Bearer sk-1", "t1", "more", None])

    def test_a_key_in_the_configuration_is_sent(self) -> None:
        self.successResultOf(self.read(evolve(PROVIDER, env_key=None, bearer_token="sk-2")))
        self.assertEqual(self.resource.requests[0].getHeader("authorization"), "Bearer sk-2")

    def test_a_key_that_is_not_set_is_not_sent(self) -> None:
        self.successResultOf(self.read(evolve(PROVIDER, env_key="NOT_SET")))
        self.assertIsNone(self.resource.requests[0].getHeader("authorization"))

    def test_failures_are_faults_and_redirects_are_not_followed(self) -> None:
        for status, kind in ((401, "credentials_rejected"), (404, "provider_rejected"), (302, "provider_rejected")):
            self.resource.status = status
            self.assertEqual(self.kind(), kind)
        self.assertEqual(len(self.resource.requests), 3)
        self.resource.status, self.resource.body = 200, b"<html>"
        self.assertEqual(self.kind(), "model_failed")

    def test_a_base_url_or_a_header_that_is_not_valid_is_a_fault(self) -> None:
        for base_url in ("", "mine", "ftp://mine.example/v1", "http://", "http://[::1/v1", "http://mine:port/v1"):
            self.assertEqual(self.kind(evolve(PROVIDER, base_url=base_url)), "unreachable", base_url)
        self.assertEqual(self.kind(evolve(PROVIDER, headers=(("not a name\n", "x"),))), "unreachable")
        self.assertEqual(self.resource.requests, [])

    def test_a_silent_provider_is_given_up_after_the_deadline(self) -> None:
        self.resource.body = None
        reading = self.read()
        self.clock.advance(LIST_SECONDS)
        error = self.failureResultOf(reading, FaultError).value
        assert isinstance(error, FaultError)
        self.assertIn(error.fault.kind, ("no_first_event", "idle_timeout"))

    def test_a_connection_writes_no_log_lines(self) -> None:
        reactor = MemoryReactorClock()
        reader = ProviderListReader(evolve(PROVIDER, base_url="http://127.0.0.1:9/v1"), ENVIRON, reactor, lambda: 0.0)
        reading = Deferred.fromCoroutine(reader())
        reactor.advance(0)
        factory = reactor.tcpClients[0][2]
        with capturedLogs() as logged:
            factory.doStart()
            factory.doStop()
        self.assertEqual(logged, [])
        reading.cancel()
        self.failureResultOf(reading, CancelledError)

    def test_it_can_be_cancelled(self) -> None:
        reader = ProviderListReader(PROVIDER, ENVIRON, MemoryReactorClock(), lambda: 0.0)
        reading = Deferred.fromCoroutine(reader())
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
