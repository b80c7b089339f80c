from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy import flow
from codexd.policy.flow import ClientFlow, FlowLimits

LIMITS = FlowLimits(max_buffer_bytes=100, pause_seconds=1.0, write_timeout_seconds=30.0)


def waiting(size_bytes: int, now: float = 0.0) -> ClientFlow:
    """Return a client with this backlog since that time."""
    return flow.enqueue(ClientFlow(), size_bytes, now)


class TestDecide(SynchronousTestCase):
    def test_a_client_whose_backlog_is_below_the_limit_continues(self) -> None:
        self.assertEqual(flow.decide(waiting(100), LIMITS, 0)[1], "continue")

    def test_a_backlog_beyond_the_limit_pauses_the_model_once(self) -> None:
        paused, action = flow.decide(waiting(101), LIMITS, 0)
        self.assertEqual(action, "pause")
        self.assertEqual(flow.decide(paused, LIMITS, 0.5), (paused, "continue"))

    def test_the_model_is_resumed_when_half_of_the_backlog_is_read(self) -> None:
        paused, _ = flow.decide(waiting(101), LIMITS, 0)
        self.assertEqual(flow.decide(flow.dequeue(paused, 50, 0.5), LIMITS, 0.5)[1], "continue")
        resumed, action = flow.decide(flow.dequeue(paused, 51, 0.5), LIMITS, 0.5)
        self.assertEqual(action, "resume")
        self.assertEqual(flow.decide(resumed, LIMITS, 0.5)[1], "continue")

    def test_a_client_is_disconnected_after_the_longest_pause(self) -> None:
        paused, _ = flow.decide(waiting(101), LIMITS, 0)
        paused = flow.dequeue(paused, 10, 0.9)
        self.assertEqual(flow.decide(paused, LIMITS, 0.99)[1], "continue")
        self.assertEqual(flow.decide(paused, LIMITS, 1.0)[1], "disconnect")

    def test_a_client_that_reads_nothing_is_disconnected_whatever_its_backlog(self) -> None:
        self.assertEqual(flow.decide(waiting(1), LIMITS, 29.9)[1], "continue")
        self.assertEqual(flow.decide(waiting(1), LIMITS, 30.0)[1], "disconnect")

    def test_reading_extends_the_deadline(self) -> None:
        client = flow.dequeue(waiting(50), 1, 29.0)
        self.assertEqual(flow.decide(client, LIMITS, 58.9)[1], "continue")
        self.assertEqual(flow.decide(client, LIMITS, 59.0)[1], "disconnect")

    def test_more_events_do_not_extend_the_deadline(self) -> None:
        self.assertEqual(flow.decide(flow.enqueue(waiting(1), 1, 29.0), LIMITS, 30.0)[1], "disconnect")

    def test_waiting_without_a_backlog_starts_the_write_timeout(self) -> None:
        client = flow.start_waiting(ClientFlow(), 1.0)
        self.assertEqual((client.backlog_bytes, flow.disconnect_deadline(client, LIMITS)), (0, 31.0))

    def test_an_ended_model_is_resumed_and_not_paused_again(self) -> None:
        paused, _ = flow.decide(waiting(1000), LIMITS, 0)
        resumed, action = flow.decide(flow.finish(paused), LIMITS, 0.5)
        self.assertEqual(action, "resume")
        self.assertEqual(flow.decide(resumed, LIMITS, 20.0)[1], "continue")
        self.assertEqual(flow.decide(resumed, LIMITS, 30.0)[1], "disconnect")

    def test_a_client_without_a_backlog_is_never_disconnected(self) -> None:
        client = flow.dequeue(waiting(50), 50, 1.0)
        self.assertIsNone(flow.disconnect_deadline(client, LIMITS))
        self.assertEqual(flow.decide(client, LIMITS, 10.0**9)[1], "continue")


amounts = st.integers(1, 200)
waits = st.floats(0, 5, allow_nan=False)
steps = st.lists(st.tuples(st.sampled_from(("enqueue", "dequeue", "wait")), amounts, waits), max_size=60)
limits = st.builds(
    FlowLimits,
    st.integers(0, 300),
    st.floats(0.01, 10, allow_nan=False),
    st.floats(0.01, 10, allow_nan=False),
)


class TestAnyClient(SynchronousTestCase):
    """Random operations of a model and a client, with a decision after each."""

    @given(steps, limits)
    def test_pauses_and_resumes_alternate_and_both_time_limits_hold(
        self, steps: list[tuple[str, int, float]], limits: FlowLimits
    ) -> None:
        client, now, paused_at, read_at = ClientFlow(), 0.0, None, 0.0
        for kind, amount, wait in steps:
            now += wait
            if kind == "enqueue":
                read_at = read_at if client.backlog_bytes else now
                client = flow.enqueue(client, amount, now)
            elif kind == "dequeue" and client.backlog_bytes:
                read_at = now
                client = flow.dequeue(client, min(amount, client.backlog_bytes), now)
            deadline = flow.disconnect_deadline(client, limits)
            client, action = flow.decide(client, limits, now)
            if action == "pause":
                self.assertIsNone(paused_at)
                self.assertGreater(client.backlog_bytes, limits.max_buffer_bytes)
                paused_at = now
            elif action == "resume":
                self.assertIsNotNone(paused_at)
                self.assertLessEqual(client.backlog_bytes, limits.max_buffer_bytes // 2)
                paused_at = None
            elif action == "disconnect":
                self.assertGreaterEqual(now, deadline)
                return
            else:
                self.assertTrue(deadline is None or now < deadline)
            if paused_at is not None and action != "pause":
                self.assertLess(now, paused_at + limits.pause_seconds)
            if client.backlog_bytes and action == "continue":
                self.assertLess(now, read_at + limits.write_timeout_seconds)
