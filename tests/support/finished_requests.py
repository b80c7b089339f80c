"""Records of finished requests, for tests of what is made of them."""

from twisted.internet.task import Clock

from codexd.context import RequestRecord
from codexd.neutral.event import Usage
from codexd.policy.tracing import begin_trace
from codexd.timeline import Timeline

TRACE_ID, SPAN_ID, UPSTREAM_SPAN_ID = "1" * 32, "2" * 16, "3" * 16
UNIX_TIME = 1_700_000_000.0


def upstream_request() -> RequestRecord:
    """Return the record of a stream over an upstream, which was asked twice; its first text came after 2 seconds."""
    clock = Clock()
    clock.advance(100)
    record = RequestRecord(
        id="req_1", method="POST", route="/v1/chat/completions", status=200, dialect="chat", model="m",
        principal="alice", stream=True, began=100.0, time=UNIX_TIME, first_event_seconds=2.0,
        usages=[Usage(input_tokens=4, output_tokens=3)], timeline=Timeline(clock.seconds),
        span=begin_trace(TRACE_ID, SPAN_ID, 1.0),
    )  # fmt: skip
    timeline = record.timeline
    timeline.add("received", size=100)
    queue = timeline.begin("queue", "near")
    clock.advance(0.5)
    timeline.end(queue, "admitted")
    record.set_backend("near")
    first = timeline.begin("upstream", "near", 90)
    clock.advance(0.5)
    timeline.end(first, "503")
    timeline.add("retry", status="overloaded")
    second = timeline.begin("upstream", "near", 90)
    second.span_id = UPSTREAM_SPAN_ID
    clock.advance(1)
    timeline.end(second, "200")
    text = timeline.begin("event", "text", 12)
    clock.advance(1)
    timeline.end(text)
    timeline.add("event", "ended", status="stop")
    timeline.add("sent", size=500, status="200")
    clock.advance(1)
    record.seconds = 4.0
    return record
