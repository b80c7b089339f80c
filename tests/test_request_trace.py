from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.request_trace import RequestTrace, TracedRequest, TraceMemory


def make_trace(limit_bytes: int = 1000, memory: TraceMemory | None = None, body: bytes = b"{}") -> RequestTrace:
    trace = RequestTrace(
        seconds=Clock().seconds,
        request=TracedRequest(method=b"POST", path=b"/v1/responses", headers=(), body=body),
        limit_bytes=limit_bytes,
        memory=memory or TraceMemory(10**6),
    )
    trace.reserve_request()
    return trace


class RequestTraceTests(SynchronousTestCase):
    def test_what_exceeds_the_limit_and_all_that_follows_is_left_out(self) -> None:
        trace = make_trace(limit_bytes=1000)
        for size in (300, 600, 1):
            trace.add("to_client", b"x" * size)
        self.assertEqual([len(message.data) for message in trace.messages], [300])
        self.assertTrue(trace.is_truncated)

    def test_all_traces_together_are_limited_too(self) -> None:
        memory = TraceMemory(1500)
        first, second = make_trace(memory=memory), make_trace(memory=memory)
        first.add("to_client", b"x" * 500)
        second.add("to_client", b"x" * 500)
        self.assertEqual((len(first.messages), len(second.messages), second.is_truncated), (1, 0, True))
        first.release()
        self.assertEqual((memory.used_bytes, first.messages), (second.size_bytes, []))
        second.release()
        self.assertEqual(memory.used_bytes, 0)

    def test_a_body_beyond_the_limit_is_dropped_and_takes_no_memory(self) -> None:
        memory = TraceMemory(10**6)
        trace = make_trace(limit_bytes=500, memory=memory, body=b"x" * 1000)
        self.assertEqual((trace.request.body, trace.is_truncated, memory.used_bytes), (b"", True, 0))

    def test_after_its_end_nothing_is_recorded(self) -> None:
        trace = make_trace()
        trace.end()
        trace.add("from_codex", b"late")
        self.assertEqual(trace.messages, [])

    def test_a_background_response_has_a_trace_of_its_own_with_the_same_request(self) -> None:
        trace = make_trace()
        other = trace.begin_other()
        other.add("from_codex", b"later")
        self.assertEqual((trace.messages, len(other.messages)), ([], 1))
        self.assertEqual(other.request, trace.request)
        self.assertEqual(trace.memory.used_bytes, trace.size_bytes + other.size_bytes)
