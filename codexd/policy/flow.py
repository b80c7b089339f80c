"""Flow control for clients that read too slowly: pause the model, then disconnect the client.

The stream events that a client's transport has not accepted yet are its backlog. There is one only while the transport
is full. The model's pipe is shared with other clients, so it may be paused for one client only briefly.
"""

from typing import Literal

from attrs import evolve

from codexd.neutral.records import frozen

FlowAction = Literal["continue", "pause", "resume", "disconnect"]
"""`pause` and `resume` refer to the model, `disconnect` to the client."""


@frozen
class FlowLimits:
    """The limits of one client's backlog.

    Attributes:
        max_buffer_bytes: the limit of the backlog (`http.max_buffer_bytes`). Above it the model is paused; at half of
            it, it is resumed.
        pause_seconds: how long the model may be paused for one client.
        write_timeout_seconds: how long the client may read nothing although it has a backlog.
    """

    max_buffer_bytes: int
    pause_seconds: float
    write_timeout_seconds: float


def without_backlog(limits: FlowLimits) -> FlowLimits:
    """Return the limits of a client that is granted no backlog: what it does not read within `pause_seconds` is cut."""
    return FlowLimits(0, limits.pause_seconds, min(limits.pause_seconds, limits.write_timeout_seconds))


@frozen
class ClientFlow:
    """The flow-control state of one client.

    Attributes:
        backlog_bytes: the size of its backlog.
        waiting_since: when the client last read something, or when its transport became full; None if nothing waits
            for the transport.
        paused_since: when the model was paused for this client; None if it is not paused.
        is_complete: the answer has ended, so there is nothing left to pause.
    """

    backlog_bytes: int = 0
    waiting_since: float | None = None
    paused_since: float | None = None
    is_complete: bool = False


def enqueue(flow: ClientFlow, size_bytes: int, now: float) -> ClientFlow:
    """Return the state after bytes were added to the backlog."""
    since = now if flow.waiting_since is None else flow.waiting_since
    return evolve(flow, backlog_bytes=flow.backlog_bytes + size_bytes, waiting_since=since)


def dequeue(flow: ClientFlow, size_bytes: int, now: float) -> ClientFlow:
    """Return the state after the client's transport has accepted bytes of the backlog."""
    left = flow.backlog_bytes - size_bytes
    return evolve(flow, backlog_bytes=left, waiting_since=now if left else None)


def start_waiting(flow: ClientFlow, now: float) -> ClientFlow:
    """Return the state when there is no backlog, but the client must still read what its transport contains."""
    return evolve(flow, waiting_since=now)


def finish(flow: ClientFlow) -> ClientFlow:
    """Return the state after the last stream event was added."""
    return evolve(flow, is_complete=True)


def decide(flow: ClientFlow, limits: FlowLimits, now: float) -> tuple[ClientFlow, FlowAction]:
    """Decide what to do now. Return the action and the state after it."""
    deadline = disconnect_deadline(flow, limits)
    if flow.paused_since is not None and (flow.is_complete or flow.backlog_bytes <= limits.max_buffer_bytes // 2):
        return evolve(flow, paused_since=None), "resume"
    if deadline is not None and now >= deadline:
        return flow, "disconnect"
    is_full = flow.backlog_bytes > limits.max_buffer_bytes and not flow.is_complete
    if is_full and flow.paused_since is None:
        return evolve(flow, paused_since=now), "pause"
    return flow, "continue"


def disconnect_deadline(flow: ClientFlow, limits: FlowLimits) -> float | None:
    """Return the time at which to disconnect the client if nothing changes; None if there is none."""
    deadlines = [
        since + seconds
        for since, seconds in (
            (flow.waiting_since, limits.write_timeout_seconds),
            (flow.paused_since, limits.pause_seconds),
        )
        if since is not None
    ]
    return min(deadlines, default=None)
