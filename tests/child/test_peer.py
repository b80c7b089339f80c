"""Calls out, messages in: everything is settled once, whatever the child does."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.child.peer import Outcome, Peer
from codexd.neutral.fault import Refused
from codexd.observe.metrics import Metrics
from codexd.wire import json, jsonrpc
from tests.support.chunking import chunkings
from tests.support.web import figure

SECONDS = 30.0


class Desk:
    """A peer with nobody behind it: what it wrote, what it heard, how its calls ended."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.written = b""
        self.heard: list[jsonrpc.Message] = []
        self.outcomes: list[tuple[str, Outcome]] = []
        self.peer = Peer(self._write, self.heard.append, self.clock, SECONDS, self.metrics)

    def _write(self, data: bytes) -> None:
        self.written += data

    def ask(self, name: str) -> None:
        self.peer.ask(b.ModelList(name), lambda outcome: self.outcomes.append((name, outcome)))

    @property
    def sent(self) -> list[jsonrpc.Message]:
        return [jsonrpc.decode(line) for line in self.written.splitlines()]

    def count(self, name: str) -> float:
        return figure(self.metrics, f"codexd_{name}_total")


class PeerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.desk = Desk()

    def test_a_call_says_its_method_and_only_the_params_it_has(self) -> None:
        self.desk.ask("page")
        self.desk.peer.ask(b.ModelList(), lambda outcome: None)
        self.assertEqual(
            self.desk.sent,
            [jsonrpc.Request(1, "model/list", {"cursor": "page"}), jsonrpc.Request(2, "model/list", {})],
        )

    def test_replies_in_any_order_find_their_calls(self) -> None:
        for name in "abc":
            self.desk.ask(name)
        replies = (jsonrpc.Reply(3, "C"), jsonrpc.ErrorReply(1, -1, "no"), jsonrpc.Reply(2, "B"))
        lines = (
            jsonrpc.encode_reply(3, "C"),
            jsonrpc.encode_error(1, -1, "no"),
            jsonrpc.encode_reply(2, "B"),
        )
        self.desk.peer.receive(b"".join(lines))
        self.assertEqual(self.desk.outcomes, list(zip("cab", replies, strict=True)))

    def test_a_second_reply_and_one_that_nobody_waits_for_are_nothing(self) -> None:
        self.desk.ask("a")
        self.desk.peer.receive(jsonrpc.encode_reply(1, "A") * 2 + jsonrpc.encode_reply("other", "A"))
        self.assertEqual(self.desk.outcomes, [("a", jsonrpc.Reply(1, "A"))])

    def test_a_request_of_the_childs_is_no_reply_though_its_id_is_one_of_ours(self) -> None:
        self.desk.ask("a")
        self.desk.peer.receive(jsonrpc.encode_request(1, "item/tool/call", {"x": 1}))
        self.assertEqual(self.desk.outcomes, [])
        self.assertEqual(self.desk.heard, [jsonrpc.Request(1, "item/tool/call", {"x": 1})])

    def test_a_call_that_is_not_answered_in_time_is_given_up_once(self) -> None:
        self.desk.ask("a")
        self.desk.clock.advance(10)
        self.desk.ask("b")
        self.desk.clock.advance(SECONDS - 10.001)
        self.desk.peer.sweep()
        self.assertEqual(self.desk.outcomes, [])
        self.desk.clock.advance(0.002)
        self.desk.peer.sweep()
        self.assertEqual(self.desk.outcomes, [("a", None)])
        self.desk.peer.receive(jsonrpc.encode_reply(1, "late"))
        self.desk.clock.advance(10)
        self.desk.peer.sweep()
        self.assertEqual(self.desk.outcomes, [("a", None), ("b", None)])
        self.assertEqual(self.desk.count("child_call_late"), 2)

    def test_the_childs_end_settles_every_call_once(self) -> None:
        self.desk.ask("a")
        self.desk.ask("b")
        self.desk.peer.lose()
        self.desk.peer.lose()
        self.assertEqual(self.desk.outcomes, [("a", None), ("b", None)])
        self.assertEqual(self.desk.count("child_call_late"), 0)

    def test_a_deferred_call_gives_the_result_or_is_refused(self) -> None:
        good, bad, lost = (self.desk.peer.call(b.ConfigRead()) for _ in range(3))
        self.desk.peer.receive(jsonrpc.encode_reply(1, {"ok": 1}) + jsonrpc.encode_error(2, -1, "no"))
        self.desk.peer.lose()
        self.assertEqual(self.successResultOf(good), {"ok": 1})
        for failed in (bad, lost):
            self.assertEqual(self.failureResultOf(failed, Refused).value.fault.kind, "not_ready")

    def test_a_deferred_call_that_was_cancelled_does_not_mind_its_reply(self) -> None:
        call = self.desk.peer.call(b.ConfigRead())
        call.addErrback(lambda failure: None)
        call.cancel()
        self.desk.peer.receive(jsonrpc.encode_reply(1, {}))
        self.assertIsNone(self.successResultOf(call))

    def test_lines_that_are_no_messages_are_counted_and_cost_nothing_else(self) -> None:
        self.desk.ask("a")
        lines = (b"garbage", b"[]", b"{}", b'{"id":[],"result":1}', b"\xff", b'{"method":1}')
        self.desk.peer.receive(b"\n".join(lines) + b"\n" + jsonrpc.encode_reply(1, "A"))
        self.assertEqual(self.desk.outcomes, [("a", jsonrpc.Reply(1, "A"))])
        self.assertEqual(self.desk.count("child_line_malformed"), len(lines))

    def test_a_line_of_64_megabytes_survives_its_pieces(self) -> None:
        self.desk.ask("a")
        line = jsonrpc.encode_reply(1, "x" * 64 * 2**20)
        for start in range(0, len(line), 2**16):
            self.desk.peer.receive(line[start : start + 2**16])
        ((_, outcome),) = self.desk.outcomes
        assert isinstance(outcome, jsonrpc.Reply)
        self.assertEqual(len(outcome.result), 64 * 2**20)

    def test_what_the_child_asks_is_answered_under_its_id(self) -> None:
        self.desk.peer.answer(0, {"decision": "decline"})
        self.desk.peer.decline("x", -32601, "no")
        self.desk.peer.notify("initialized")
        self.assertEqual(
            self.desk.sent,
            [
                jsonrpc.Reply(0, {"decision": "decline"}),
                jsonrpc.ErrorReply("x", -32601, "no"),
                jsonrpc.Notification("initialized", {}),
            ],
        )

    @given(st.data())
    def test_any_chunking_gives_the_same(self, data: st.DataObject) -> None:
        lines = (
            jsonrpc.encode_notification("a", {"text": "é\U0001f600"}),
            jsonrpc.encode_reply(1, {"x": [1]}),
            b"\r\n",
            json.encode({"method": "b", "id": "s"}) + b"\r\n",
        )
        desk = Desk()
        desk.ask("a")
        for chunk in data.draw(chunkings(b"".join(lines))):
            desk.peer.receive(chunk)
        self.assertEqual(desk.outcomes, [("a", jsonrpc.Reply(1, {"x": [1]}))])
        self.assertEqual(
            desk.heard,
            [jsonrpc.Notification("a", {"text": "é\U0001f600"}), jsonrpc.Request("s", "b", {})],
        )
