"""The trace of one request: what was sent and received for it, with its content. Recorded only if `[trace]` is on.

This is the one place of codexd that keeps prompts and outputs beyond the request. It is bounded, for each request and
for all of them together.
"""

from collections.abc import Callable
from typing import Final, Literal

from attrs import Factory, define

from codexd.neutral.records import frozen

Channel = Literal["to_codex", "from_codex", "to_upstream", "from_upstream", "to_client"]
"""Who sent a message to whom."""

Headers = tuple[tuple[bytes, bytes], ...]

_MESSAGE_BYTES: Final = 200
"""What a message takes in memory beside its data."""


@define
class TraceMemory:
    """The memory of all traces that are not written yet.

    Attributes:
        limit_bytes: how much they may take together.
        used_bytes: how much they take.
    """

    limit_bytes: int
    used_bytes: int = 0

    def take(self, size_bytes: int) -> bool:
        """Take memory if there is enough."""
        if self.used_bytes + size_bytes > self.limit_bytes:
            return False
        self.used_bytes += size_bytes
        return True

    def release(self, size_bytes: int) -> None:
        """Return memory."""
        self.used_bytes -= size_bytes


@frozen(kw_only=True)
class TracedRequest:
    """The HTTP request of a client.

    Attributes:
        method: the HTTP method.
        path: the path with its query.
        headers: the headers, keys included; they are removed before the trace is written.
        body: the body as it was received.
    """

    method: bytes
    path: bytes
    headers: Headers
    body: bytes


@frozen
class TracedMessage:
    """One message, or a piece of one.

    Attributes:
        at: when, on the reactor's clock.
        channel: who sent it to whom.
        label: a method, a path or a status; empty for what follows one.
        data: the content.
    """

    at: float
    channel: Channel
    label: str
    data: bytes


@define(eq=False, kw_only=True)
class RequestTrace:
    """What was sent and received for one request, up to a limit.

    Attributes:
        seconds: returns the time, on the reactor's clock.
        request: the request of the client.
        limit_bytes: how much is recorded.
        memory: of all traces.
        messages: the messages so far.
        size_bytes: the memory it takes.
        is_truncated: the limit was reached, and messages are missing.
        response: the status and the headers of the response, once it is over.
        secrets: the keys that were sent to upstreams; they are removed before the trace is written.
    """

    seconds: Callable[[], float]
    request: TracedRequest
    limit_bytes: int
    memory: TraceMemory
    messages: list[TracedMessage] = Factory(list)
    size_bytes: int = 0
    is_truncated: bool = False
    response: tuple[int, Headers] | None = None
    secrets: set[bytes] = Factory(set)
    _is_over: bool = False

    def add(self, channel: Channel, data: bytes, label: str = "") -> None:
        """Record a message, unless the limit was reached: what follows a gap is not recorded either."""
        if not self._is_over and not self.is_truncated and self._take(len(data) + _MESSAGE_BYTES):
            self.messages.append(TracedMessage(self.seconds(), channel, label, data))

    def begin_other(self) -> "RequestTrace":
        """Return a trace of what continues after this request, such as a background response."""
        other = RequestTrace(
            seconds=self.seconds, request=self.request, limit_bytes=self.limit_bytes, memory=self.memory
        )
        other.reserve_request()
        return other

    def reserve_request(self) -> None:
        """Count the request itself; its body is dropped if it is larger than the limit."""
        if not self._take(len(self.request.body) + _MESSAGE_BYTES):
            self.request = TracedRequest(
                method=self.request.method, path=self.request.path, headers=self.request.headers, body=b""
            )

    def end(self) -> None:
        """Record nothing more: a thread of Codex outlives its request."""
        self._is_over = True

    def release(self) -> None:
        """Return its memory: it was written, or could not be."""
        self.memory.release(self.size_bytes)
        self.size_bytes, self.messages = 0, []

    def _take(self, size_bytes: int) -> bool:
        if self.size_bytes + size_bytes > self.limit_bytes or not self.memory.take(size_bytes):
            self.is_truncated = True
            return False
        self.size_bytes += size_bytes
        return True
