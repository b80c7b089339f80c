"""The handshake with a fresh child."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.child.greeting import MAX_PAGES, Greeting, greet, offers
from codexd.child.peer import Peer
from codexd.neutral.fault import Refused
from codexd.observe.metrics import Metrics
from codexd.policy.catalog import Offer
from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from codexd.wire.jsonl import LineSplitter
from tests.support.appserver import FakeAppServer, Offered


class GreetingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = FakeAppServer()
        self.lines = LineSplitter()
        self.clock = Clock()
        self.peer = Peer(self.carry, lambda message: None, self.clock, 30, Metrics())

    def carry(self, data: bytes) -> None:
        for line in self.lines.receive(data):
            self.clock.callLater(0, self.peer.receive, b"".join(self.server.receive(line)))

    def greet(self) -> "Deferred[Greeting]":
        greeting = Deferred.fromCoroutine(greet(self.peer))
        self.clock.advance(0)
        return greeting

    def refuse(self, method: str, result: Json) -> None:
        """Have the server answer a method with something of its own."""
        receive = self.server.receive

        def odd(line: bytes) -> list[bytes]:
            message = json.decode(line)
            if message["method"] == method:
                return [jsonrpc.encode_reply(message["id"], result)]
            return receive(line)

        self.server.receive = odd  # type: ignore[method-assign]

    def test_it_says_who_asks_and_what_it_does_not_want_to_hear(self) -> None:
        self.successResultOf(self.greet())
        (asked,) = self.server.asked("initialize")
        self.assertEqual(asked["clientInfo"]["name"], "codexd")
        self.assertEqual(asked["capabilities"]["optOutNotificationMethods"], list(b.SILENCED))
        self.assertIs(asked["capabilities"]["experimentalApi"], True)
        methods = [method for method, _ in self.server.calls]
        self.assertEqual(methods, ["initialize", "config/read", "model/list"])

    def test_it_learns_the_models_and_the_mcp_servers(self) -> None:
        self.server.mcp_servers = ("docs", "mail")
        self.server.offers = (Offered("a", ("low", "high")), Offered("b", (), hidden=True))
        greeting = self.successResultOf(self.greet())
        self.assertEqual(
            greeting, Greeting((Offer("a", ("low", "high")), Offer("b", (), True)), ("docs", "mail"))
        )

    def test_it_learns_that_the_home_sets_a_verbosity(self) -> None:
        self.server.verbosity = "low"
        self.assertIs(self.successResultOf(self.greet()).home_verbosity, True)

    def test_models_come_page_by_page(self) -> None:
        self.server.page_size = 2
        self.server.offers = tuple(Offered(str(number)) for number in range(5))
        found = self.successResultOf(self.greet()).offers
        self.assertEqual([offer.id for offer in found], list("01234"))
        self.assertEqual(self.server.asked("model/list"), [{}, {"cursor": "2"}, {"cursor": "4"}])

    def test_a_child_that_never_stops_turning_pages_is_stopped(self) -> None:
        self.refuse("model/list", {"data": [], "nextCursor": "again"})
        found = Deferred.fromCoroutine(offers(self.peer))
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(found), ())
        self.assertEqual(self.peer._last_id, MAX_PAGES)

    def test_a_child_that_says_nothing_is_refused_at_the_deadline(self) -> None:
        self.server.deaf.add("config/read")
        greeting = self.greet()
        self.assertNoResult(greeting)
        self.clock.advance(31)
        self.peer.sweep()
        self.assertEqual(self.failureResultOf(greeting, Refused).value.fault.kind, "not_ready")

    def test_one_that_answers_nonsense_is_no_known_app_server(self) -> None:
        for nonsense in (None, [], {"data": "no"}, {"data": [{"id": 1}]}):
            self.refuse("model/list", nonsense)
            self.failureResultOf(self.greet(), b.Unexpected)

    def test_a_configuration_of_another_form_has_no_mcp_servers(self) -> None:
        for odd in (None, [], {}, {"config": None}, {"config": {"mcp_servers": []}}):
            self.refuse("config/read", odd)
            self.assertEqual(self.successResultOf(self.greet()).mcp_servers, ())
