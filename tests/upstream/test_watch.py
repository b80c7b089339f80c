"""Deadlines: one timer, told once."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Fault
from codexd.upstream.watch import Deadlines, Watch

DEADLINES = Deadlines(first_event=20.0, idle=5.0, total=60.0)


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.late: list[str] = []
        self.watch = Watch(self.clock, DEADLINES, lambda why: self.late.append(why.kind))

    def test_what_does_not_begin_is_late(self) -> None:
        self.clock.pump([19.9, 0.1])
        self.assertEqual(self.late, ["no_first_event"])

    def test_each_attempt_has_its_own_time_to_begin(self) -> None:
        self.clock.advance(15)
        self.watch.attempt()
        self.clock.pump([5, 14])
        self.assertEqual(self.late, [])
        self.clock.advance(1)
        self.assertEqual(self.late, ["no_first_event"])

    def test_stopped_it_is_silent_and_has_no_timer(self) -> None:
        self.watch.stop()
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @given(st.lists(st.tuples(st.floats(0, 7), st.sampled_from(("heard", "hold", "release", "look")))))
    def test_it_is_late_exactly_when_silence_or_all_of_it_was_too_long(
        self, moves: list[tuple[float, str]]
    ) -> None:
        clock, late = Clock(), list[Fault]()
        watch = Watch(clock, DEADLINES, late.append)
        watch.begin()
        since, held, expected = 0.0, False, None
        for seconds, move in moves:
            ends = [(60.0, "too_long")] + ([] if held else [(since + 5.0, "idle")])
            due = [(at, kind) for at, kind in ends if at <= clock.seconds() + seconds]
            expected = min(due)[1] if due else None
            clock.advance(seconds)
            if expected is not None or late:
                break
            since = since if move in ("hold", "look") else clock.seconds()
            held = {"hold": True, "release": False}.get(move, held)
            getattr(watch, move, lambda: None)()
        self.assertEqual([why.kind for why in late], [] if expected is None else [expected])
        watch.stop()
        self.assertEqual(clock.getDelayedCalls(), [])
