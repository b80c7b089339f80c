from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy import flow
from codexd.policy.flow import Limits, Reader

LIMITS = Limits(queue_bytes=100, hold_seconds=1.0, stall_seconds=30.0)


def behind(size_bytes: int, now: float = 0.0) -> Reader:
    """Give a reader for which so much has waited since then."""
    return flow.queued(Reader(), size_bytes, now)


class TestJudge(SynchronousTestCase):
    def test_a_reader_with_room_left_is_let_be(self) -> None:
        self.assertEqual(flow.judge(behind(100), LIMITS, 0)[1], "go")

    def test_the_model_is_held_for_a_reader_whose_queue_is_full_and_only_once(self) -> None:
        held, act = flow.judge(behind(101), LIMITS, 0)
        self.assertEqual(act, "hold")
        self.assertEqual(flow.judge(held, LIMITS, 0.5), (held, "go"))

    def test_the_model_goes_on_when_half_is_taken(self) -> None:
        held, _ = flow.judge(behind(101), LIMITS, 0)
        self.assertEqual(flow.judge(flow.taken(held, 50, 0.5), LIMITS, 0.5)[1], "go")
        released, act = flow.judge(flow.taken(held, 51, 0.5), LIMITS, 0.5)
        self.assertEqual(act, "release")
        self.assertEqual(flow.judge(released, LIMITS, 0.5)[1], "go")

    def test_a_reader_is_cut_when_the_model_was_held_for_it_long_enough(self) -> None:
        held, _ = flow.judge(behind(101), LIMITS, 0)
        held = flow.taken(held, 10, 0.9)
        self.assertEqual(flow.judge(held, LIMITS, 0.99)[1], "go")
        self.assertEqual(flow.judge(held, LIMITS, 1.0)[1], "cut")

    def test_a_reader_that_takes_nothing_is_cut_however_little_waits(self) -> None:
        self.assertEqual(flow.judge(behind(1), LIMITS, 29.9)[1], "go")
        self.assertEqual(flow.judge(behind(1), LIMITS, 30.0)[1], "cut")

    def test_a_reader_that_takes_something_gets_its_patience_back(self) -> None:
        reader = flow.taken(behind(50), 1, 29.0)
        self.assertEqual(flow.judge(reader, LIMITS, 58.9)[1], "go")
        self.assertEqual(flow.judge(reader, LIMITS, 59.0)[1], "cut")

    def test_more_for_a_reader_that_takes_nothing_wins_it_no_time(self) -> None:
        self.assertEqual(flow.judge(flow.queued(behind(1), 1, 29.0), LIMITS, 30.0)[1], "cut")

    def test_a_model_that_has_ended_is_let_go_and_not_held_again(self) -> None:
        held, _ = flow.judge(behind(1000), LIMITS, 0)
        released, act = flow.judge(flow.ended(held), LIMITS, 0.5)
        self.assertEqual(act, "release")
        self.assertEqual(flow.judge(released, LIMITS, 20.0)[1], "go")
        self.assertEqual(flow.judge(released, LIMITS, 30.0)[1], "cut")

    def test_a_reader_that_has_taken_all_is_never_cut(self) -> None:
        reader = flow.taken(behind(50), 50, 1.0)
        self.assertIsNone(flow.look_again(reader, LIMITS))
        self.assertEqual(flow.judge(reader, LIMITS, 10.0**9)[1], "go")


amounts = st.integers(1, 200)
waits = st.floats(0, 5, allow_nan=False)
steps = st.lists(st.tuples(st.sampled_from(("queue", "take", "wait")), amounts, waits), max_size=60)
limits = st.builds(
    Limits, st.integers(0, 300), st.floats(0.01, 10, allow_nan=False), st.floats(0.01, 10, allow_nan=False)
)


class TestAnyReader(SynchronousTestCase):
    """A model and a reader that do anything, judged after each step as the outlet does."""

    @given(steps, limits)
    def test_holds_and_releases_take_turns_and_both_patience_limits_are_kept(
        self, steps: list[tuple[str, int, float]], limits: Limits
    ) -> None:
        reader, now, held_at, took_at = Reader(), 0.0, None, 0.0
        for kind, amount, wait in steps:
            now += wait
            if kind == "queue":
                took_at = took_at if reader.waiting_bytes else now
                reader = flow.queued(reader, amount, now)
            elif kind == "take" and reader.waiting_bytes:
                took_at = now
                reader = flow.taken(reader, min(amount, reader.waiting_bytes), now)
            again = flow.look_again(reader, limits)
            reader, act = flow.judge(reader, limits, now)
            if act == "hold":
                self.assertIsNone(held_at)
                self.assertGreater(reader.waiting_bytes, limits.queue_bytes)
                held_at = now
            elif act == "release":
                self.assertIsNotNone(held_at)
                self.assertLessEqual(reader.waiting_bytes, limits.queue_bytes // 2)
                held_at = None
            elif act == "cut":
                self.assertGreaterEqual(now, again)
                return
            else:
                self.assertTrue(again is None or now < again)
            if held_at is not None and act != "hold":
                self.assertLess(now, held_at + limits.hold_seconds)
            if reader.waiting_bytes and act == "go":
                self.assertLess(now, took_at + limits.stall_seconds)
