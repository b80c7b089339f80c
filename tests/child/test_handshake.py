"""The handshake with a new app-server, run as an exchange of its protocol."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.child.app_server import MAX_PAGES, AppServerInfo, AppServerProtocol
from codexd.child.handshake import run_exchange
from codexd.child.peer import Peer
from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from codexd.policy.catalog import AccountModel
from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from codexd.wire.jsonl import LineSplitter
from tests.support.fake_app_server import FakeAppServer, ListedModel


class HandshakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = FakeAppServer()
        self.lines = LineSplitter()
        self.clock = Clock()
        self.protocol = AppServerProtocol()
        self.peer = Peer(self.deliver, self.protocol.encode_call, lambda message: None, self.clock, 30, Metrics())

    def deliver(self, data: bytes) -> None:
        for line in self.lines.receive(data):
            self.clock.callLater(0, self.peer.receive, b"".join(self.server.receive(line)))

    def begin_handshake(self) -> "Deferred[AppServerInfo]":
        result = Deferred.fromCoroutine(run_exchange(self.peer, self.protocol.handshake()))
        self.clock.advance(0)
        return result

    def answer_with(self, method: str, result: Json) -> None:
        """Make the server answer a method with this result."""
        receive = self.server.receive

        def answer(line: bytes) -> list[bytes]:
            message = json.decode(line)
            if message["method"] == method:
                self.server.calls.append((method, message["params"]))
                return [jsonrpc.encode_response(message["id"], result)]
            return receive(line)

        self.server.receive = answer  # type: ignore[method-assign]

    def test_initialize_names_the_client_and_opts_out_of_notifications(self) -> None:
        self.successResultOf(self.begin_handshake())
        (asked,) = self.server.calls_to("initialize")
        self.assertEqual(asked["clientInfo"]["name"], "codexd")
        self.assertEqual(asked["capabilities"]["optOutNotificationMethods"], list(b.OPTED_OUT_NOTIFICATIONS))
        self.assertIs(asked["capabilities"]["experimentalApi"], True)
        methods = [method for method, _ in self.server.calls]
        self.assertEqual(methods, ["initialize", "config/read", "model/list"])

    def test_models_and_mcp_servers_are_read(self) -> None:
        self.server.mcp_servers = ("docs", "mail")
        self.server.models = (ListedModel("a", ("low", "high")), ListedModel("b", (), hidden=True))
        info = self.successResultOf(self.begin_handshake())
        self.assertEqual(
            info,
            AppServerInfo(
                models=(AccountModel(id="a", efforts=("low", "high")), AccountModel(id="b", is_hidden=True)),
                mcp_servers=("docs", "mail"),
            ),
        )

    def test_the_version_is_read_from_the_user_agent(self) -> None:
        for agent, version in (
            ("codexd/0.163.0 (Debian 12.0.0; x86_64) xterm (codexd; 1.0)", "0.163.0"),
            ("codexd/0.164.0-alpha.1", "0.164.0-alpha.1"),
            ("codexd", ""),
            ('codexd/0"} 1', ""),
            (None, ""),
        ):
            self.answer_with("initialize", {"userAgent": agent})
            self.assertEqual(self.successResultOf(self.begin_handshake()).version, version)

    def test_a_verbosity_in_the_home_is_reported(self) -> None:
        self.server.verbosity = "low"
        self.assertIs(self.successResultOf(self.begin_handshake()).home_verbosity, True)

    def test_models_are_read_page_by_page(self) -> None:
        self.server.page_size = 2
        self.server.models = tuple(ListedModel(str(number)) for number in range(5))
        found = self.successResultOf(self.begin_handshake()).models
        self.assertEqual([offer.id for offer in found], list("01234"))
        self.assertEqual(self.server.calls_to("model/list"), [{}, {"cursor": "2"}, {"cursor": "4"}])

    def test_the_number_of_pages_is_limited(self) -> None:
        self.answer_with("model/list", {"data": [], "nextCursor": "again"})
        found = Deferred.fromCoroutine(run_exchange(self.peer, self.protocol.list_models()))
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(found), ())
        self.assertEqual(len(self.server.calls_to("model/list")), MAX_PAGES)

    def test_a_call_that_is_not_answered_fails_at_its_deadline(self) -> None:
        self.server.ignored_methods.add("config/read")
        result = self.begin_handshake()
        self.assertNoResult(result)
        self.clock.advance(31)
        self.peer.sweep()
        self.assertEqual(self.failureResultOf(result, FaultError).value.fault.kind, "not_ready")

    def test_a_model_list_of_another_shape_is_unexpected(self) -> None:
        for nonsense in (None, [], {"data": "no"}, {"data": [{"id": 1}]}):
            self.answer_with("model/list", nonsense)
            self.failureResultOf(self.begin_handshake(), b.UnexpectedShapeError)

    def test_a_configuration_of_another_shape_has_no_mcp_servers(self) -> None:
        for odd in (None, [], {}, {"config": None}, {"config": {"mcp_servers": []}}):
            self.answer_with("config/read", odd)
            self.assertEqual(self.successResultOf(self.begin_handshake()).mcp_servers, ())
