"""The tool calls of one model response, matched with the child's requests for their results.

The child requests results call by call: some before the batch is complete, some only after an earlier result
was sent. The client may send the results in any order. A batch pairs both sides.
"""

from attrs import define, field

from codexd.neutral.turn import ToolCall, ToolResult
from codexd.wire.jsonrpc import RpcId


@define(kw_only=True)
class ToolCallBatch:
    """The tool calls of one model response.

    Attributes:
        parallel: False shows the client one call at a time.
        shown: the calls the client has seen.
        queued: the calls to show later, in order.
    """

    parallel: bool = True
    shown: list[ToolCall] = field(factory=list)
    queued: list[ToolCall] = field(factory=list)
    _open_requests: dict[RpcId, str] = field(factory=dict)
    _results: dict[str, ToolResult] = field(factory=dict)

    def add(self, call: ToolCall) -> bool:
        """Add a call of the model; return whether the client sees it now."""
        if self.shown and not self.parallel:
            self.queued.append(call)
            return False
        self.shown.append(call)
        return True

    def has_call(self, call_id: str) -> bool:
        """Return whether the call belongs to this batch."""
        return any(call.call_id == call_id for call in (*self.shown, *self.queued))

    @property
    def pending_call_ids(self) -> frozenset[str]:
        """The shown calls for which the client has not sent a result."""
        return frozenset(call.call_id for call in self.shown if call.call_id not in self._results)

    def request_result(self, call_id: str, request: RpcId) -> ToolResult | None:
        """Return the result the child requests, or record the request until the result arrives."""
        if call_id not in self._results:
            self._open_requests[request] = call_id
        return self._results.get(call_id)

    def add_result(self, result: ToolResult) -> list[RpcId]:
        """Store a result of the client; return the open requests that it answers."""
        self._results[result.call_id] = result
        answered = [request for request, call_id in self._open_requests.items() if call_id == result.call_id]
        for request in answered:
            del self._open_requests[request]
        return answered

    def show_next(self) -> ToolCall | None:
        """Show the next queued call and return it; None if there is none."""
        if not self.queued:
            return None
        call = self.queued.pop(0)
        self.shown.append(call)
        return call

    @property
    def has_open_requests(self) -> bool:
        """Whether the child waits for a result."""
        return bool(self._open_requests)

    def withdraw_requests(self) -> list[RpcId]:
        """Return the open requests and remove them: they get no result."""
        unanswered = list(self._open_requests)
        self._open_requests.clear()
        return unanswered
