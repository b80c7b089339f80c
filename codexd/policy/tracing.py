"""The ids of distributed tracing (W3C Trace Context), and which requests are sampled."""

from attrs import evolve

from codexd.neutral.records import frozen

_RANDOM_BITS = 56
"""The part of a trace id that is random for sure (W3C Trace Context, level 2)."""


@frozen(kw_only=True)
class SpanIds:
    """The ids of one span.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: the span that it is a part of; empty if it is the first one of its trace.
        sampled: the trace is recorded.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = False

    def traceparent(self, span_id: str = "") -> str:
        """Return the header that makes this span, or one that is a part of it, the parent of another server's."""
        return f"00-{self.trace_id}-{span_id or self.span_id}-{int(self.sampled):02x}"

    def child(self, span_id: str) -> "SpanIds":
        """Return the ids of a part of this span."""
        return evolve(self, span_id=span_id, parent_id=self.span_id)


def continue_trace(traceparent: str, span_id: str) -> SpanIds:
    """Return the ids of a server's span in the trace of its client, which has decided whether it is sampled.

    Args:
        traceparent: the valid header of the client.
        span_id: a new id.
    """
    _, trace_id, parent_id, flags = traceparent.split("-")
    return SpanIds(trace_id=trace_id, span_id=span_id, parent_id=parent_id, sampled=bool(int(flags, 16) & 1))


def begin_trace(trace_id: str, span_id: str, ratio: float) -> SpanIds:
    """Return the ids of the first span of a new trace; the ratio of the traces is sampled, chosen by the id.

    Args:
        trace_id: a new random id.
        span_id: a new random id.
        ratio: from 0 to 1.
    """
    chosen = int(trace_id, 16) % 2**_RANDOM_BITS < ratio * 2**_RANDOM_BITS
    return SpanIds(trace_id=trace_id, span_id=span_id, sampled=chosen)
