from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.server import ScriptedModel
from codexd.settings import Upstream
from codexd.wire import json
from tests.parity.client import RESPONSE_TIMEOUT_SECONDS
from tests.parity.private_server import PrivateServer, _lists_models_of, api_key
from tests.parity.sample_responses import json_response
from tests.parity.scenario import ScenarioRequest

SERVER = IPv4Address("TCP", "127.0.0.1", 80)


class SendTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.server = PrivateServer("codex-cli 0.163.0", self.reactor, SERVER, ScriptedModel(self.reactor))

    def send(self, request: ScenarioRequest) -> None:
        self.response = Deferred.fromCoroutine(self.server.send(request, "one"))

    def respond(self, status: str) -> bytes:
        """Answer the last request with a status, and return the request."""
        _, _, factory, *_ = self.reactor.tcpClients[-1]
        client: Any = factory.buildProtocol(SERVER)
        transport: Any = StringTransportWithDisconnection()
        transport.protocol = client
        client.makeConnection(transport)
        body = json.encode({"status": status})
        client.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        sent: bytes = transport.value()
        return sent

    def test_every_client_has_an_api_key_of_its_own(self) -> None:
        self.send(ScenarioRequest(path="/x", method="GET"))
        self.assertIn(f"Authorization: Bearer {api_key('one')}\r\n".encode(), self.respond("queued"))
        self.assertEqual(self.successResultOf(self.response).status, 200)

    def test_it_is_ready_when_the_models_of_all_upstreams_are_listed(self) -> None:
        upstreams = (
            Upstream(name="a", base_url="http://a/v1"),
            Upstream(name="b", base_url="http://b/v1", prefix="b/"),
        )
        lists = _lists_models_of(upstreams)
        for names, ready in ((["scripted"], False), (["b/scripted", "scripted", "c"], True)):
            self.assertEqual(lists(json_response({"data": [{"id": name} for name in names]})), ready)
        self.assertTrue(_lists_models_of(())(json_response({"data": []})))

    def test_a_request_is_repeated_until_the_response_is_done(self) -> None:
        self.send(ScenarioRequest(path="/x", method="GET", poll_until_done=True))
        for status in ("queued", "in_progress", "in_progress"):
            self.respond(status)
            self.assertNoResult(self.response)
            self.reactor.advance(1)
        self.respond("completed")
        self.assertEqual(self.successResultOf(self.response).body, b'{"status":"completed"}')
        self.assertEqual(len(self.reactor.tcpClients), 4)

    def test_polling_times_out(self) -> None:
        self.send(ScenarioRequest(path="/x", method="GET", poll_until_done=True))
        self.respond("queued")
        self.reactor.advance(RESPONSE_TIMEOUT_SECONDS + 1)
        self.respond("queued")
        self.failureResultOf(self.response, TimeoutError)
