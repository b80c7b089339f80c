from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.tracing import begin_trace, continue_trace

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class SpanIdsTests(SynchronousTestCase):
    def test_the_trace_of_a_client_is_continued_as_it_has_decided(self) -> None:
        for flags, sampled in (("01", True), ("00", False), ("03", True), ("02", False)):
            ids = continue_trace(f"00-{TRACE}-{SPAN}-{flags}", "1" * 16)
            self.assertEqual((ids.trace_id, ids.span_id, ids.parent_id), (TRACE, "1" * 16, SPAN))
            self.assertEqual(ids.sampled, sampled)

    def test_the_header_names_the_span_or_a_part_of_it(self) -> None:
        ids = begin_trace(TRACE, SPAN, 1.0)
        self.assertEqual(ids.traceparent(), f"00-{TRACE}-{SPAN}-01")
        self.assertEqual(ids.traceparent("2" * 16), f"00-{TRACE}-{'2' * 16}-01")
        child = ids.child("3" * 16)
        self.assertEqual((child.span_id, child.parent_id, child.trace_id), ("3" * 16, SPAN, TRACE))

    @given(st.integers(0, 2**128 - 1), st.floats(0, 1))
    def test_a_larger_ratio_samples_at_least_the_same_traces(self, trace: int, ratio: float) -> None:
        sampled = begin_trace(f"{trace:032x}", SPAN, ratio).sampled
        self.assertTrue(begin_trace(f"{trace:032x}", SPAN, 1.0).sampled)
        self.assertFalse(begin_trace(f"{trace:032x}", SPAN, 0.0).sampled)
        if sampled:
            self.assertTrue(begin_trace(f"{trace:032x}", SPAN, min(1.0, ratio + 0.1)).sampled)

    def test_about_the_ratio_is_sampled(self) -> None:
        step = 2**128 // 1000
        sampled = sum(begin_trace(f"{(number * step + number * 2**46 * 977) % 2**128:032x}", SPAN, 0.25).sampled
                      for number in range(1000))  # fmt: skip
        self.assertTrue(150 < sampled < 350, sampled)
