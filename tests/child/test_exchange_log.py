from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.child.exchange_log import ExchangeLog
from codexd.child.peer import SentCall
from codexd.child.protocol import SendError, SendResult
from codexd.context import RequestRecord
from codexd.request_trace import RequestTrace, TracedRequest, TraceMemory
from codexd.timeline import Timeline
from codexd.wire import jsonrpc


class ExchangeLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        request = TracedRequest(method=b"POST", path=b"/", headers=(), body=b"")
        self.trace = RequestTrace(
            seconds=self.clock.seconds, request=request, limit_bytes=10**6, memory=TraceMemory(10**6)
        )
        self.record = RequestRecord(timeline=Timeline(self.clock.seconds))

    def steps(self) -> list[tuple[str, str, str]]:
        return [(step.kind, step.label, step.status) for step in self.record.timeline.steps]

    def exchange(self) -> None:
        log = ExchangeLog(self.record)
        call = log.begin_call()
        log.call_sent(call, SentCall(1, "thread/start", {"model": "m"}))
        self.clock.advance(2)
        log.call_ended(call, jsonrpc.RpcResponse(1, {"thread": "secret"}))
        failed = log.begin_call()
        log.call_sent(failed, SentCall(2, "turn/start", {}))
        log.call_ended(failed, jsonrpc.RpcErrorResponse(2, -32600, "a secret prompt"))
        lost = log.begin_call()
        log.call_sent(lost, SentCall(3, "turn/interrupt", {}))
        log.call_ended(lost, None)
        log.received_request(jsonrpc.RpcRequest(9, "item/tool/call", {}))
        log.replied(SendResult(9, {"ok": True}))
        log.replied(SendError(10, -1, "no"))
        if log.traces:
            log.received(jsonrpc.RpcNotification("turn/started", {"big": 2**70}))
            log.received(jsonrpc.RpcNotification("turn/started", {}))

    def test_the_timeline_has_methods_statuses_and_times_but_no_content(self) -> None:
        self.exchange()
        self.assertEqual(
            self.steps(),
            [
                ("rpc", "thread/start", "ok"),
                ("rpc", "turn/start", "error -32600"),
                ("rpc", "turn/interrupt", "no_reply"),
                ("rpc_request", "item/tool/call", ""),
                ("rpc_reply", "", "ok"),
                ("rpc_reply", "", "error"),
            ],
        )
        self.assertEqual(self.record.timeline.steps[0].ended, 2)

    def test_a_trace_has_every_message_in_both_directions(self) -> None:
        self.record.trace = self.trace
        self.exchange()
        shown = [(message.channel, message.data) for message in self.trace.messages]
        self.assertEqual(shown[0], ("to_codex", b'{"id":1,"method":"thread/start","params":{"model":"m"}}'))
        self.assertEqual(shown[1], ("from_codex", b'{"id":1,"result":{"thread":"secret"}}'))
        self.assertEqual([channel for channel, _ in shown].count("from_codex"), 4)
        self.assertIn(("from_codex", b"(a message that cannot be encoded again)"), shown)
        self.assertEqual(shown[-1], ("from_codex", b'{"method":"turn/started","params":{}}'))
