"""Tests of codexd.upstream.client, with treq's traversal of a resource in memory."""

from attrs import evolve
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import Request
from twisted.web.resource import Resource

from codexd.policy.tracing import begin_trace
from codexd.upstream.body import BodyCollector
from codexd.upstream.client import UpstreamClient
from tests.support.contexts import context


class EchoResource(Resource):
    """Responds with the request, and sets a cookie."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def render(self, request: Request) -> bytes:
        self.requests.append(request)
        request.addCookie(b"a", b"b")
        return request.method + b" " + request.uri + b" " + request.content.read()


class UpstreamClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.resource = EchoResource()
        self.agent = RequestTraversalAgent(self.resource)

    def request(self, client: UpstreamClient, method: str, path: str, body: bytes | None = None) -> bytes:
        response = self.successResultOf(client.request(method, path, body))
        done: Deferred[bytes] = Deferred()
        response.deliverBody(BodyCollector(1000, done.callback))
        self.agent.flush()
        return self.successResultOf(done)

    def test_paths_are_joined_to_a_base_url_with_or_without_a_slash(self) -> None:
        for base in ("http://up.example/v1", "http://up.example/v1/"):
            client = UpstreamClient(self.agent, base, None, Clock())
            self.assertEqual(self.request(client, "GET", "models"), b"GET /v1/models ")
            self.assertEqual(self.request(client, "POST", "chat/completions", b"{}"), b"POST /v1/chat/completions {}")

    def test_the_host_header_is_idna_encoded(self) -> None:
        self.request(UpstreamClient(self.agent, "http://bücher.example/v1", None, Clock()), "GET", "models")
        self.assertEqual(self.resource.requests[0].getHeader("host"), "xn--bcher-kva.example")

    def test_the_key_is_sent_in_its_header_and_cookies_are_not_stored(self) -> None:
        client = UpstreamClient(self.agent, "http://up.example/v1", "sk-1", Clock())
        for _ in range(2):
            self.request(client, "GET", "models")
        for request in self.resource.requests:
            self.assertEqual(request.getHeader("authorization"), "Bearer sk-1")
            self.assertIsNone(request.getHeader("cookie"))

    def test_the_key_may_have_a_header_of_its_own_and_the_version_is_a_query_parameter(self) -> None:
        client = UpstreamClient(
            self.agent, "http://up.example/v1", "sk-1", Clock(), key_header="api-key", api_version="2024-10-21"
        )
        self.assertEqual(self.request(client, "GET", "models"), b"GET /v1/models?api-version=2024-10-21 ")
        (request,) = self.resource.requests
        self.assertEqual((request.getHeader("api-key"), request.getHeader("authorization")), ("sk-1", None))

    def test_an_upstream_is_told_the_id_of_the_span_of_its_request(self) -> None:
        made = context()
        made.record.span = begin_trace("1" * 32, "2" * 16, 1.0)
        client = UpstreamClient(self.agent, "http://up.example/v1", None, Clock())
        for _ in range(2):
            self.successResultOf(client.request("POST", "chat/completions", b"{}", made))
        first, second = made.record.timeline.steps
        self.assertNotEqual(first.span_id, second.span_id)
        self.assertEqual(
            [request.getHeader("traceparent") for request in self.resource.requests],
            [f"00-{'1' * 32}-{step.span_id}-01" for step in (first, second)],
        )
        self.assertEqual((first.status, first.size), ("200", 2))

    def test_an_upstream_gets_the_tracestate_of_the_client(self) -> None:
        client = UpstreamClient(self.agent, "http://up.example/v1", None, Clock())
        for made in (context(), evolve(context(), tracestate="a=1")):
            self.successResultOf(client.request("POST", "chat/completions", b"{}", made))
        self.assertEqual([request.getHeader("tracestate") for request in self.resource.requests], [None, "a=1"])

    def test_the_repr_does_not_contain_the_key(self) -> None:
        self.assertNotIn("sk-1", repr(UpstreamClient(self.agent, "http://up.example/v1", "sk-1", Clock())))
