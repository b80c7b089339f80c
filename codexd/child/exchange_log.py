"""Records what the thread of a request and its child exchange: in the timeline, and in the trace if there is one."""

from codexd.child.peer import CallOutcome, SentCall
from codexd.child.protocol import SendError, SendResult
from codexd.context import RequestRecord
from codexd.request_trace import Channel
from codexd.timeline import Step
from codexd.wire import jsonrpc
from codexd.wire.json import JsonError

_UNREADABLE = b"(a message that cannot be encoded again)"


class ExchangeLog:
    """The exchange of one request.

    Args:
        record: of the request.

    Attributes:
        traces: every message is recorded, and not only the calls.
    """

    __slots__ = ("_timeline", "_trace", "traces")

    def __init__(self, record: RequestRecord) -> None:
        self._timeline = record.timeline
        self._trace = record.trace
        self.traces = record.trace is not None

    def begin_call(self) -> Step:
        """Record that a call is sent; its method is not known before it is encoded."""
        return self._timeline.begin("rpc")

    def call_sent(self, step: Step, call: SentCall) -> None:
        """Record what was sent."""
        step.label = call.method
        if self.traces:
            self._add("to_codex", jsonrpc.encode_request(call.id, call.method, call.params))

    def call_ended(self, step: Step, outcome: CallOutcome) -> None:
        """Record the outcome of a call; the message of an error may quote a prompt."""
        self._timeline.end(step, _describe(outcome))
        if self.traces and outcome is not None:
            self.received(outcome)

    def replied(self, command: SendResult | SendError) -> None:
        """Record the reply to a request of the child."""
        succeeded = isinstance(command, SendResult)
        self._timeline.add("rpc_reply", status="ok" if succeeded else "error")
        if self.traces:
            self._add("to_codex", _encode_reply(command))

    def received_request(self, request: jsonrpc.RpcRequest) -> None:
        """Record a request of the child."""
        self._timeline.add("rpc_request", request.method)

    def received(self, message: object) -> None:
        """Record a message of the child in the trace."""
        try:
            self._add("from_codex", _encode(message))
        except JsonError:  # some texts that can be decoded cannot be encoded again
            self._add("from_codex", _UNREADABLE)

    def _add(self, channel: Channel, line: bytes) -> None:
        if self._trace is not None:
            self._trace.add(channel, line.rstrip(b"\n"))


def _describe(outcome: CallOutcome) -> str:
    if isinstance(outcome, jsonrpc.RpcResponse):
        return "ok"
    return "no_reply" if outcome is None else f"error {outcome.code}"


def _encode_reply(command: SendResult | SendError) -> bytes:
    if isinstance(command, SendResult):
        return jsonrpc.encode_response(command.request, command.result)
    return jsonrpc.encode_error(command.request, command.code, command.message)


def _encode(message: object) -> bytes:
    if isinstance(message, jsonrpc.RpcNotification):
        return jsonrpc.encode_notification(message.method, message.params)
    if isinstance(message, jsonrpc.RpcRequest):
        return jsonrpc.encode_request(message.id, message.method, message.params)
    if isinstance(message, jsonrpc.RpcResponse):
        return jsonrpc.encode_response(message.id, message.result)
    assert isinstance(message, jsonrpc.RpcErrorResponse)
    return jsonrpc.encode_error(message.id, message.code, message.message, message.data)
