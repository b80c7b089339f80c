"""JSON-RPC with one child: calls with deadlines, and dispatch of its messages to callbacks.

Every call ends: with its reply, at its deadline, or when the child exits.
"""

from collections.abc import Callable

from attrs import AttrsInstance, define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from codexd.neutral.fault import FaultError, fault
from codexd.observe.metrics import Metrics
from codexd.wire import jsonrpc
from codexd.wire.json import Json, JsonError
from codexd.wire.jsonl import LineSplitter

CallOutcome = jsonrpc.RpcResponse | jsonrpc.RpcErrorResponse | None
"""Result of a call; None when the child missed the deadline or has exited."""

Incoming = jsonrpc.RpcNotification | jsonrpc.RpcRequest | jsonrpc.RpcResponse
"""A message of the child: a notification, a request, or a reply that came after its call's deadline."""


@frozen
class SentCall:
    """A call as it was sent."""

    id: jsonrpc.RpcId
    method: str
    params: dict[str, Json]


@define
class _PendingCall:
    method: str
    on_outcome: Callable[[CallOutcome], None]
    deadline: float


class Peer:
    """The JSON-RPC connection to one app-server.

    Args:
        write: writes bytes to the child's stdin.
        encode_call: returns the method and the params of a call; see `ChildProtocol`.
        on_message: called with every notification and request, and with replies that came too late.
        clock: for deadlines; `sweep` must be called regularly.
        call_seconds: how long the child may take to answer a call.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        encode_call: Callable[[AttrsInstance], tuple[str, dict[str, Json]]],
        on_message: Callable[[Incoming], None],
        clock: IReactorTime,
        call_seconds: float,
        metrics: Metrics,
    ) -> None:
        self._write = write
        self._encode_call = encode_call
        self._on_message = on_message
        self._clock = clock
        self._call_seconds = call_seconds
        self._metrics = metrics
        self._lines = LineSplitter()
        self._pending: dict[jsonrpc.RpcId, _PendingCall] = {}
        self._last_id = 0

    @property
    def oldest_call_at(self) -> float | None:
        """When the oldest call was sent that is not answered yet; None if there is none."""
        first = next(iter(self._pending.values()), None)
        return None if first is None else first.deadline - self._call_seconds

    def send_request(self, params: AttrsInstance, on_outcome: Callable[[CallOutcome], None]) -> SentCall:
        """Send a call and return it; `on_outcome` is called exactly once."""
        self._last_id += 1
        method, members = self._encode_call(params)
        self._pending[self._last_id] = _PendingCall(method, on_outcome, self._clock.seconds() + self._call_seconds)
        self._write(jsonrpc.encode_request(self._last_id, method, members))
        return SentCall(self._last_id, method, members)

    def call(self, params: AttrsInstance) -> "Deferred[Json]":
        """Send a call; the Deferred fires with its result or fails with FaultError(`not_ready`)."""
        result: Deferred[Json] = Deferred()

        def on_outcome(outcome: CallOutcome) -> None:
            if result.called:
                return
            if isinstance(outcome, jsonrpc.RpcResponse):
                result.callback(outcome.result)
            else:
                result.errback(Failure(FaultError(fault("not_ready"))))

        self.send_request(params, on_outcome)
        return result

    def notify(self, method: str) -> None:
        """Send a notification without parameters."""
        self._write(jsonrpc.encode_notification(method))

    def reply(self, request: jsonrpc.RpcId, result: Json) -> None:
        """Answer a request of the child."""
        self._write(jsonrpc.encode_response(request, result))

    def reply_error(self, request: jsonrpc.RpcId, code: int, message: str) -> None:
        """Answer a request of the child with an error."""
        self._write(jsonrpc.encode_error(request, code, message))

    def receive(self, data: bytes) -> None:
        """Process bytes from the child's stdout."""
        for line in self._lines.receive(data):
            try:
                message = jsonrpc.decode(line)
            except JsonError:
                self._metrics.count("child_line_malformed")
                continue
            if isinstance(message, jsonrpc.RpcNotification | jsonrpc.RpcRequest):
                self._on_message(message)
            else:
                self._end_call(message)

    def sweep(self) -> None:
        """End calls whose deadline has passed."""
        now = self._clock.seconds()
        # Calls are in the order of their deadlines.
        while self._pending:
            first = next(iter(self._pending))
            if self._pending[first].deadline > now:
                return
            self._metrics.count("child_call_timeout")
            call = self._pending.pop(first)
            self._count(call, "timeout")
            call.on_outcome(None)

    def close(self) -> None:
        """End every pending call: the child has exited."""
        pending, self._pending = self._pending, {}
        for call in pending.values():
            self._count(call, "exit")
            call.on_outcome(None)

    def _end_call(self, message: jsonrpc.RpcResponse | jsonrpc.RpcErrorResponse) -> None:
        call = self._pending.pop(message.id, None)
        if call is not None:
            self._count(call, "" if isinstance(message, jsonrpc.RpcResponse) else "error")
            call.on_outcome(message)
        elif isinstance(message, jsonrpc.RpcResponse):
            self._on_message(message)

    def _count(self, call: _PendingCall, error: str) -> None:
        sent_at = call.deadline - self._call_seconds
        self._metrics.count_rpc(call.method, self._clock.seconds() - sent_at, error)
