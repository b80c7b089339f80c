from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.server import ScriptedModel
from codexd.settings import Upstream
from codexd.wire import json
from tests.parity.answers import answered
from tests.parity.client import PATIENCE_SECONDS
from tests.parity.scenario import Ask
from tests.parity.stage import Stage, _lists, key

SERVER = IPv4Address("TCP", "127.0.0.1", 80)


class PlayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.stage = Stage("codex-cli 0.163.0", self.reactor, SERVER, ScriptedModel(self.reactor))

    def play(self, ask: Ask) -> None:
        self.answer = Deferred.fromCoroutine(self.stage.play(ask, "one"))

    def give(self, status: str) -> bytes:
        """Answer the request that was made last, and give it."""
        _, _, factory, *_ = self.reactor.tcpClients[-1]
        client: Any = factory.buildProtocol(SERVER)
        transport: Any = StringTransportWithDisconnection()
        transport.protocol = client
        client.makeConnection(transport)
        body = json.encode({"status": status})
        client.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        sent: bytes = transport.value()
        return sent

    def test_a_player_asks_with_a_key_of_its_own(self) -> None:
        self.play(Ask("/x", method="GET"))
        self.assertIn(f"Authorization: Bearer {key('one')}\r\n".encode(), self.give("queued"))
        self.assertEqual(self.successResultOf(self.answer).status, 200)

    def test_it_is_ready_when_every_upstream_was_asked_what_it_has(self) -> None:
        upstreams = (Upstream("a", "http://a/v1"), Upstream("b", "http://b/v1", prefix="b/"))
        lists = _lists(upstreams)
        for names, ready in ((["scripted"], False), (["b/scripted", "scripted", "c"], True)):
            self.assertEqual(lists(answered({"data": [{"id": name} for name in names]})), ready)
        self.assertTrue(_lists(())(answered({"data": []})))

    def test_an_end_that_is_awaited_is_asked_for_until_it_is_there(self) -> None:
        self.play(Ask("/x", method="GET", awaits_end=True))
        for status in ("queued", "in_progress", "in_progress"):
            self.give(status)
            self.assertNoResult(self.answer)
            self.reactor.advance(1)
        self.give("completed")
        self.assertEqual(self.successResultOf(self.answer).body, b'{"status":"completed"}')
        self.assertEqual(len(self.reactor.tcpClients), 4)

    def test_an_end_that_never_comes_is_not_awaited_for_ever(self) -> None:
        self.play(Ask("/x", method="GET", awaits_end=True))
        self.give("queued")
        self.reactor.advance(PATIENCE_SECONDS + 1)
        self.give("queued")
        self.failureResultOf(self.answer, TimeoutError)
