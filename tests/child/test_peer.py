"""JSON-RPC with a child: every call ends exactly once."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.child.app_server import AppServerProtocol
from codexd.child.peer import CallOutcome, Peer
from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from codexd.wire import json, jsonrpc
from tests.support.chunking import chunkings
from tests.support.metric_samples import metric

SECONDS = 30.0


class PeerRecorder:
    """Records the messages and call outcomes of a peer that is not connected."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.written = b""
        self.incoming: list[jsonrpc.RpcMessage] = []
        self.outcomes: list[tuple[str, CallOutcome]] = []
        self.peer = Peer(
            self._write,
            AppServerProtocol().encode_call,
            self.incoming.append,
            self.clock,
            SECONDS,
            self.metrics,
        )

    def _write(self, data: bytes) -> None:
        self.written += data

    def ask(self, name: str) -> None:
        self.peer.send_request(b.ModelList(name), lambda outcome: self.outcomes.append((name, outcome)))

    @property
    def sent(self) -> list[jsonrpc.RpcMessage]:
        return [jsonrpc.decode(line) for line in self.written.splitlines()]

    def count(self, name: str) -> float:
        return metric(self.metrics, f"codexd_{name}_total")


class PeerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recorder = PeerRecorder()

    def test_a_call_has_its_method_and_only_the_params_that_are_set(self) -> None:
        self.recorder.ask("page")
        self.recorder.peer.send_request(b.ModelList(), lambda outcome: None)
        self.assertEqual(
            self.recorder.sent,
            [jsonrpc.RpcRequest(1, "model/list", {"cursor": "page"}), jsonrpc.RpcRequest(2, "model/list", {})],
        )

    def test_replies_may_come_in_any_order(self) -> None:
        for name in "abc":
            self.recorder.ask(name)
        replies = (jsonrpc.RpcResponse(3, "C"), jsonrpc.RpcErrorResponse(1, -1, "no"), jsonrpc.RpcResponse(2, "B"))
        lines = (
            jsonrpc.encode_response(3, "C"),
            jsonrpc.encode_error(1, -1, "no"),
            jsonrpc.encode_response(2, "B"),
        )
        self.recorder.peer.receive(b"".join(lines))
        self.assertEqual(self.recorder.outcomes, list(zip("cab", replies, strict=True)))

    def test_a_second_reply_does_not_end_the_call_again(self) -> None:
        self.recorder.ask("a")
        self.recorder.peer.receive(jsonrpc.encode_response(1, "A") * 2 + jsonrpc.encode_response("other", "A"))
        self.assertEqual(self.recorder.outcomes, [("a", jsonrpc.RpcResponse(1, "A"))])

    def test_a_request_with_the_id_of_a_call_is_not_its_reply(self) -> None:
        self.recorder.ask("a")
        self.recorder.peer.receive(jsonrpc.encode_request(1, "item/tool/call", {"x": 1}))
        self.assertEqual(self.recorder.outcomes, [])
        self.assertEqual(self.recorder.incoming, [jsonrpc.RpcRequest(1, "item/tool/call", {"x": 1})])

    def test_a_call_ends_once_at_its_deadline(self) -> None:
        self.recorder.ask("a")
        self.recorder.clock.advance(10)
        self.recorder.ask("b")
        self.recorder.clock.advance(SECONDS - 10.001)
        self.recorder.peer.sweep()
        self.assertEqual(self.recorder.outcomes, [])
        self.recorder.clock.advance(0.002)
        self.recorder.peer.sweep()
        self.assertEqual(self.recorder.outcomes, [("a", None)])
        self.recorder.peer.receive(jsonrpc.encode_response(1, "late"))
        self.recorder.clock.advance(10)
        self.recorder.peer.sweep()
        self.assertEqual(self.recorder.outcomes, [("a", None), ("b", None)])
        self.assertEqual(self.recorder.count("child_call_timeout"), 2)

    def test_each_call_is_counted_and_timed_by_its_method_and_error(self) -> None:
        for name in ("good", "bad", "slow"):
            self.recorder.ask(name)
        self.recorder.clock.advance(0.5)
        self.recorder.peer.receive(jsonrpc.encode_response(1, {}) + jsonrpc.encode_error(2, -1, "no"))
        self.recorder.clock.advance(SECONDS)
        self.recorder.peer.sweep()
        self.recorder.ask("lost")
        self.recorder.peer.close()
        labels = {"method": "model/list"}
        count = partial(metric, self.recorder.metrics)
        self.assertEqual(count("codexd_rpc_requests_total", **labels), 4)
        self.assertEqual(count("codexd_rpc_seconds_sum", **labels), 0.5 + 0.5 + SECONDS + 0.5)
        for reason in ("error", "timeout", "exit"):
            self.assertEqual(count("codexd_rpc_errors_total", reason=reason, **labels), 1, reason)

    def test_close_ends_every_call_once(self) -> None:
        self.recorder.ask("a")
        self.recorder.ask("b")
        self.recorder.peer.close()
        self.recorder.peer.close()
        self.assertEqual(self.recorder.outcomes, [("a", None), ("b", None)])
        self.assertEqual(self.recorder.count("child_call_timeout"), 0)

    def test_a_deferred_call_fires_with_the_result_or_fails(self) -> None:
        good, bad, lost = (self.recorder.peer.call(b.ConfigRead()) for _ in range(3))
        self.recorder.peer.receive(jsonrpc.encode_response(1, {"ok": 1}) + jsonrpc.encode_error(2, -1, "no"))
        self.recorder.peer.close()
        self.assertEqual(self.successResultOf(good), {"ok": 1})
        for failed in (bad, lost):
            self.assertEqual(self.failureResultOf(failed, FaultError).value.fault.kind, "not_ready")

    def test_the_reply_to_a_cancelled_deferred_call_is_ignored(self) -> None:
        call = self.recorder.peer.call(b.ConfigRead())
        call.addErrback(lambda failure: None)
        call.cancel()
        self.recorder.peer.receive(jsonrpc.encode_response(1, {}))
        self.assertIsNone(self.successResultOf(call))

    def test_malformed_lines_are_counted_and_skipped(self) -> None:
        self.recorder.ask("a")
        lines = (b"garbage", b"[]", b"{}", b'{"id":[],"result":1}', b"\xff", b'{"method":1}')
        self.recorder.peer.receive(b"\n".join(lines) + b"\n" + jsonrpc.encode_response(1, "A"))
        self.assertEqual(self.recorder.outcomes, [("a", jsonrpc.RpcResponse(1, "A"))])
        self.assertEqual(self.recorder.count("child_line_malformed"), len(lines))

    def test_a_line_of_64_megabytes_in_chunks(self) -> None:
        self.recorder.ask("a")
        line = jsonrpc.encode_response(1, "x" * 64 * 2**20)
        for start in range(0, len(line), 2**16):
            self.recorder.peer.receive(line[start : start + 2**16])
        ((_, outcome),) = self.recorder.outcomes
        assert isinstance(outcome, jsonrpc.RpcResponse)
        self.assertEqual(len(outcome.result), 64 * 2**20)

    def test_replies_and_notifications_are_encoded(self) -> None:
        self.recorder.peer.reply(0, {"decision": "decline"})
        self.recorder.peer.reply_error("x", -32601, "no")
        self.recorder.peer.notify("initialized")
        self.assertEqual(
            self.recorder.sent,
            [
                jsonrpc.RpcResponse(0, {"decision": "decline"}),
                jsonrpc.RpcErrorResponse("x", -32601, "no"),
                jsonrpc.RpcNotification("initialized", {}),
            ],
        )

    @given(st.data())
    def test_chunking_does_not_matter(self, data: st.DataObject) -> None:
        lines = (
            jsonrpc.encode_notification("a", {"text": "é\U0001f600"}),
            jsonrpc.encode_response(1, {"x": [1]}),
            b"\r\n",
            json.encode({"method": "b", "id": "s"}) + b"\r\n",
        )
        recorder = PeerRecorder()
        recorder.ask("a")
        for chunk in data.draw(chunkings(b"".join(lines))):
            recorder.peer.receive(chunk)
        self.assertEqual(recorder.outcomes, [("a", jsonrpc.RpcResponse(1, {"x": [1]}))])
        self.assertEqual(
            recorder.incoming,
            [jsonrpc.RpcNotification("a", {"text": "é\U0001f600"}), jsonrpc.RpcRequest("s", "b", {})],
        )
