"""A child is hung exactly if it leaves a ping unanswered while codexd listens."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.liveness import (
    BUSY_FACTOR,
    CLOSED_SECONDS,
    GAP_SECONDS,
    PING_SECONDS,
    Liveness,
    Observation,
    Verdict,
)

HANG_SECONDS = 6.0
SILENT = Observation(heard=False)
HEARD = Observation(heard=True)
PAUSED = Observation(heard=False, paused=True)


class LivenessTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 100.0
        self.liveness = Liveness(HANG_SECONDS, self.now)

    def check(self, seen: Observation = SILENT, seconds: float = 1.0) -> Verdict:
        self.now += seconds
        return self.liveness.check(self.now, seen)

    def check_many(self, seconds: int, seen: Observation = SILENT) -> list[Verdict]:
        return [self.check(seen) for _ in range(seconds)]


class PingTests(LivenessTestCase):
    def test_a_silent_child_is_pinged_once_and_then_hung(self) -> None:
        self.assertEqual(self.check_many(8), ["alive", "ping", *["alive"] * 5, "hung"])

    def test_a_child_that_answers_is_pinged_again_and_again(self) -> None:
        for _ in range(5):
            self.assertEqual(self.check_many(2), ["alive", "ping"])
            self.liveness.answered()
            self.assertEqual(self.check(HEARD), "alive")

    def test_a_child_that_writes_is_not_pinged(self) -> None:
        self.assertEqual(set(self.check_many(100, HEARD)), {"alive"})

    def test_a_late_call_is_a_reason_to_ping_a_child_that_writes(self) -> None:
        late = Observation(heard=True, oldest_call_at=self.now)
        self.assertEqual(self.check_many(2, late), ["alive", "ping"])
        self.assertEqual(self.check_many(int(HANG_SECONDS * BUSY_FACTOR), late)[-2:], ["alive", "hung"])

    def test_it_is_suspected_while_the_answer_is_late(self) -> None:
        self.check_many(2)
        self.assertFalse(self.liveness.suspected)
        self.check_many(2)
        self.assertTrue(self.liveness.suspected)
        self.liveness.answered()
        self.assertFalse(self.liveness.suspected)


class DoubtTests(LivenessTestCase):
    def test_a_paused_child_is_neither_pinged_nor_hung(self) -> None:
        self.assertEqual(set(self.check_many(100, PAUSED)), {"alive"})
        self.check_many(2)
        self.assertEqual(set(self.check_many(100, PAUSED)), {"alive"})
        self.assertEqual(self.check_many(6), [*["alive"] * 5, "hung"])

    def test_the_time_starts_again_after_the_daemon_was_held(self) -> None:
        self.check_many(6)
        for jump in (3600.0, GAP_SECONDS + 0.1, -5.0):
            self.assertEqual(self.check(seconds=jump), "alive")
            self.assertTrue(self.liveness.held)
            self.assertEqual(set(self.check_many(5)), {"alive"})
            self.assertFalse(self.liveness.held)
        self.assertEqual(self.check(), "hung")


class ClosedPipeTests(LivenessTestCase):
    def test_a_child_that_closes_a_pipe_and_lives_on_is_hung(self) -> None:
        self.check(HEARD)
        self.liveness.pipe_closed(self.now)
        self.assertEqual(self.check(seconds=CLOSED_SECONDS / 2), "alive")
        self.liveness.pipe_closed(self.now)
        self.assertEqual(self.check(seconds=CLOSED_SECONDS / 2), "hung")

    def test_not_before_its_exit_can_be_seen_after_the_daemon_was_held(self) -> None:
        self.liveness.pipe_closed(self.now)
        self.assertEqual((self.check(seconds=60), self.check()), ("alive", "hung"))


STEPS = st.lists(
    st.tuples(
        st.sampled_from((1.0, 1.0, 1.0, 1.2, 2.5, 7.0, 1000.0, -3.0)),  # the time to the next check
        st.sampled_from((False, False, False, True)),  # paused
        st.sampled_from((False, False, True)),  # it writes by itself
        st.sampled_from((False, False, True)),  # a call of its turns is open
    ),
    max_size=60,
)


class LivenessProperties(SynchronousTestCase):
    @given(STEPS, st.floats(0, HANG_SECONDS - 1e-6))
    def test_a_child_that_answers_in_time_is_never_hung(
        self, steps: list[tuple[float, bool, bool, bool]], delay: float
    ) -> None:
        # Its answer reaches the daemon `delay` seconds after the ping, unless the output is paused then, or the
        # daemon is held: then at the first check after that, as the daemon reads before it.
        now, due = 0.0, None
        liveness = Liveness(HANG_SECONDS, now)
        for seconds, paused, writes, called in steps:
            before, now = now, now + seconds
            if not 0 <= seconds <= GAP_SECONDS and due is not None:
                due = now + 0.5  # in the pipe; read after this check
            heard = writes and not paused
            if due is not None and due < now and not paused:
                liveness.answered()
                heard, due = True, None
            elif due is not None and paused:
                due = max(due, now)
            seen = Observation(heard=heard, paused=paused, oldest_call_at=before if called else None)
            verdict = liveness.check(now, seen)
            self.assertNotEqual(verdict, "hung")
            if verdict == "ping":
                self.assertIsNone(due, "one ping at a time")
                due = now + delay

    @given(STEPS, st.sampled_from((False, True)))
    def test_a_child_that_never_answers_is_hung_within_the_bound(
        self, steps: list[tuple[float, bool, bool, bool]], writes: bool
    ) -> None:
        now = 0.0
        liveness = Liveness(HANG_SECONDS, now)
        for seconds, paused, heard, _ in steps:
            now += seconds
            if liveness.check(now, Observation(heard=heard and not paused, paused=paused)) == "hung":
                return
        # Whatever was before: from now on it is watched, deaf to a call, and writes or not.
        began, seen = now, Observation(heard=writes, oldest_call_at=now)
        limit = HANG_SECONDS * (BUSY_FACTOR if writes else 1) + PING_SECONDS + 2
        while liveness.check(now, seen) != "hung":
            self.assertLessEqual(now - began, limit)
            now += 1
