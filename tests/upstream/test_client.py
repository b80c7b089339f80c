"""The client, through treq's own traversal of a resource in memory."""

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import Request
from twisted.web.resource import Resource

from codexd.upstream.body import Collector
from codexd.upstream.client import Client


class Mirror(Resource):
    """Shows a request to whoever made it, and sets a cookie."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []

    def render(self, request: Request) -> bytes:
        self.asked.append(request)
        request.addCookie(b"a", b"b")
        return request.method + b" " + request.uri + b" " + request.content.read()


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.mirror = Mirror()
        self.agent = RequestTraversalAgent(self.mirror)

    def ask(self, client: Client, method: str, path: str, body: bytes | None = None) -> bytes:
        response = self.successResultOf(client.ask(method, path, body))
        done: Deferred[bytes] = Deferred()
        response.deliverBody(Collector(1000, done.callback))
        self.agent.flush()
        return self.successResultOf(done)

    def test_paths_are_joined_to_the_base_however_it_ends(self) -> None:
        for base in ("http://up.example/v1", "http://up.example/v1/"):
            client = Client(self.agent, base, None, Clock())
            self.assertEqual(self.ask(client, "GET", "models"), b"GET /v1/models ")
            self.assertEqual(
                self.ask(client, "POST", "chat/completions", b"{}"), b"POST /v1/chat/completions {}"
            )

    def test_a_host_is_asked_for_as_names_are_written_in_dns(self) -> None:
        self.ask(Client(self.agent, "http://bücher.example/v1", None, Clock()), "GET", "models")
        self.assertEqual(self.mirror.asked[0].getHeader("host"), "xn--bcher-kva.example")

    def test_the_key_goes_in_its_header_and_no_cookie_is_kept(self) -> None:
        client = Client(self.agent, "http://up.example/v1", "sk-1", Clock())
        for _ in range(2):
            self.ask(client, "GET", "models")
        for asked in self.mirror.asked:
            self.assertEqual(asked.getHeader("authorization"), "Bearer sk-1")
            self.assertIsNone(asked.getHeader("cookie"))

    def test_its_key_is_not_in_its_repr(self) -> None:
        self.assertNotIn("sk-1", repr(Client(self.agent, "http://up.example/v1", "sk-1", Clock())))
