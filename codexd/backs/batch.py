"""The tool calls of one model response: which were shown, which are held back, who waits for what.

The child asks for results call by call, in its own time: some before the batch is complete, some only
after an earlier one was answered. The client gives them in any order. This is where they meet.
"""

from attrs import define, field

from codexd.neutral.turn import ToolCall, ToolResult
from codexd.wire.jsonrpc import Id


@define
class Batch:
    """One batch; `parallel` False shows one call at a time."""

    parallel: bool = True
    shown: list[ToolCall] = field(factory=list)
    held: list[ToolCall] = field(factory=list)
    _asked: dict[Id, str] = field(factory=dict)
    _results: dict[str, ToolResult] = field(factory=dict)

    def add(self, call: ToolCall) -> bool:
        """Take a call of the model's; tell whether the client is to see it now."""
        if self.shown and not self.parallel:
            self.held.append(call)
            return False
        self.shown.append(call)
        return True

    def knows(self, call_id: str) -> bool:
        """Tell whether the call is of this batch."""
        return any(call.call_id == call_id for call in (*self.shown, *self.held))

    @property
    def waiting(self) -> frozenset[str]:
        """The calls whose results the client owes."""
        return frozenset(call.call_id for call in self.shown if call.call_id not in self._results)

    def ask(self, call_id: str, request: Id) -> ToolResult | None:
        """The child wants a call's result: give it, or remember who asked."""
        if call_id not in self._results:
            self._asked[request] = call_id
        return self._results.get(call_id)

    def answer(self, result: ToolResult) -> list[Id]:
        """The client gave a result: tell which requests it answers, if the child has asked already."""
        self._results[result.call_id] = result
        answered = [request for request, call_id in self._asked.items() if call_id == result.call_id]
        for request in answered:
            del self._asked[request]
        return answered

    def next_held(self) -> ToolCall | None:
        """Show the next call that was held back."""
        if not self.held:
            return None
        call = self.held.pop(0)
        self.shown.append(call)
        return call

    @property
    def asked(self) -> bool:
        """Whether the child waits for a result."""
        return bool(self._asked)

    def withdraw(self) -> list[Id]:
        """Give up: tell which of the child's requests nobody will answer any more."""
        unanswered = list(self._asked)
        self._asked.clear()
        return unanswered
