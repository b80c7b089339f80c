"""One child's JSON-RPC: calls with deadlines out, messages in, by way of plain callbacks.

Nobody waits for ever: a call is settled by its reply, by its deadline or by the child's end.
"""

from collections.abc import Callable

from attrs import AttrsInstance, define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from codexd.backs import bindings
from codexd.neutral.fault import Refused, fault
from codexd.observe.metrics import Metrics
from codexd.wire import jsonrpc
from codexd.wire.json import Json, Malformed
from codexd.wire.jsonl import LineSplitter

Outcome = jsonrpc.Reply | jsonrpc.ErrorReply | None
"""What became of a call; None when the child missed the deadline or is gone."""


Heard = jsonrpc.Notification | jsonrpc.Request | jsonrpc.Reply


@define
class _Pending:
    done: Callable[[Outcome], None]
    deadline: float


class Peer:
    """The app-server at the other end of a pipe.

    Args:
        write: takes bytes for the child's standard input.
        heard: takes every notification and every request of the child's, and replies that came too late.
        clock: for deadlines; `sweep` must be called now and then.
        call_seconds: the deadline of a call.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        heard: Callable[[Heard], None],
        clock: IReactorTime,
        call_seconds: float,
        metrics: Metrics,
    ) -> None:
        self._write = write
        self._heard = heard
        self._clock = clock
        self._call_seconds = call_seconds
        self._metrics = metrics
        self._lines = LineSplitter()
        self._pending: dict[jsonrpc.Id, _Pending] = {}
        self._last_id = 0

    def ask(self, params: AttrsInstance, done: Callable[[Outcome], None]) -> None:
        """Make a call; `done` is told its outcome once."""
        self._last_id += 1
        self._pending[self._last_id] = _Pending(done, self._clock.seconds() + self._call_seconds)
        method = bindings.METHODS[type(params)]
        self._write(jsonrpc.encode_request(self._last_id, method, bindings.encode(params)))

    def call(self, params: AttrsInstance) -> "Deferred[Json]":
        """Make a call; the Deferred gives its result or fails with Refused."""
        result: Deferred[Json] = Deferred()

        def done(outcome: Outcome) -> None:
            if result.called:
                return
            if isinstance(outcome, jsonrpc.Reply):
                result.callback(outcome.result)
            else:
                result.errback(Failure(Refused(fault("not_ready"))))

        self.ask(params, done)
        return result

    def notify(self, method: str) -> None:
        """Tell the child something."""
        self._write(jsonrpc.encode_notification(method))

    def answer(self, request: jsonrpc.Id, result: Json) -> None:
        """Reply to a request of the child's."""
        self._write(jsonrpc.encode_reply(request, result))

    def decline(self, request: jsonrpc.Id, code: int, message: str) -> None:
        """Reply to a request of the child's with an error."""
        self._write(jsonrpc.encode_error(request, code, message))

    def receive(self, data: bytes) -> None:
        """Take what the child wrote."""
        for line in self._lines.receive(data):
            try:
                message = jsonrpc.decode(line)
            except Malformed:
                self._metrics.count("child_line_malformed")
                continue
            if isinstance(message, jsonrpc.Notification | jsonrpc.Request):
                self._heard(message)
            else:
                self._settle(message)

    def sweep(self) -> None:
        """Give up calls whose deadline has passed."""
        now = self._clock.seconds()
        # Calls are made in the order of their deadlines.
        while self._pending:
            first = next(iter(self._pending))
            if self._pending[first].deadline > now:
                return
            self._metrics.count("child_call_late")
            self._pending.pop(first).done(None)

    def lose(self) -> None:
        """The child is gone: settle every call."""
        pending, self._pending = self._pending, {}
        for call in pending.values():
            call.done(None)

    def _settle(self, message: jsonrpc.Reply | jsonrpc.ErrorReply) -> None:
        call = self._pending.pop(message.id, None)
        if call is not None:
            call.done(message)
        elif isinstance(message, jsonrpc.Reply):
            self._heard(message)
