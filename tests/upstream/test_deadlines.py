"""Tests of codexd.upstream.deadlines."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Fault
from codexd.upstream.deadlines import Deadlines, DeadlineTimer

DEADLINES = Deadlines(first_event_seconds=20.0, idle_seconds=5.0, total_seconds=60.0)
MOVES = st.sampled_from(("record_event", "pause", "resume", "check"))


class DeadlineTimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[str] = []
        self.timer = DeadlineTimer(self.clock, DEADLINES, lambda fault: self.expired.append(fault.kind))

    def test_the_first_event_deadline_expires(self) -> None:
        self.clock.pump([19.9, 0.1])
        self.assertEqual(self.expired, ["no_first_event"])

    def test_each_attempt_restarts_the_first_event_deadline(self) -> None:
        self.clock.advance(15)
        self.timer.start_attempt()
        self.clock.pump([5, 14])
        self.assertEqual(self.expired, [])
        self.clock.advance(1)
        self.assertEqual(self.expired, ["no_first_event"])

    def test_a_stopped_timer_does_not_expire(self) -> None:
        self.timer.stop()
        self.timer.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_request_that_ends_earlier_ends_the_response(self) -> None:
        for ends, expired_at in ((10.0, 10.0), (0.0, 0.0), (-5.0, 0.0), (100.0, 60.0)):
            clock, expired = Clock(), list[tuple[float, str]]()
            timer = DeadlineTimer(
                clock, DEADLINES, lambda fault, at=clock, to=expired: to.append((at.seconds(), fault.kind)), ends
            )
            self.assertEqual(expired, [], "not before the caller has the timer")
            self.assertGreaterEqual(clock.getDelayedCalls()[0].getTime(), 0.0, "reactors refuse negative delays")
            clock.advance(0)
            while not expired:
                timer.start_attempt()
                clock.advance(1)
            self.assertEqual(expired, [(expired_at, "too_long")])
            self.assertEqual(clock.getDelayedCalls(), [])

    @given(st.lists(st.tuples(st.floats(0, 7), st.sampled_from(("record_event", "pause", "resume", "check")))))
    def test_it_expires_exactly_at_the_idle_or_the_total_deadline(self, moves: list[tuple[float, str]]) -> None:
        clock, expired = Clock(), list[Fault]()
        timer = DeadlineTimer(clock, DEADLINES, expired.append)
        timer.start_response()
        since, paused, expected = 0.0, False, None
        for seconds, move in moves:
            ends = [(60.0, "too_long")] + ([] if paused else [(since + 5.0, "idle_timeout")])
            due = [(at, kind) for at, kind in ends if at <= clock.seconds() + seconds]
            expected = min(due)[1] if due else None
            clock.advance(seconds)
            if expected is not None or expired:
                break
            since = since if move in ("pause", "check") else clock.seconds()
            paused = {"pause": True, "resume": False}.get(move, paused)
            getattr(timer, move, lambda: None)()
        self.assertEqual([fault.kind for fault in expired], [] if expected is None else [expected])
        timer.stop()
        self.assertEqual(clock.getDelayedCalls(), [])
