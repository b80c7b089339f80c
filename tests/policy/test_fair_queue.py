"""Tests of the fair queue, against its promises: bounded, first-in first-out, in turn, each entry leaves once."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.fair_queue import FairQueue, QueueLimits

ROOMY = QueueLimits(entries=100, entries_per_principal=100, size_bytes=1000)
PRINCIPALS = st.sampled_from("abcd")


def queue_of(limits: QueueLimits = ROOMY, **waiting: int) -> FairQueue[str]:
    """Return a queue with so many entries of each principal, such as `a0`, `a1`."""
    queue: FairQueue[str] = FairQueue(limits)
    for principal, number in waiting.items():
        for index in range(number):
            assert queue.add(f"{principal}{index}", principal, 1, 10.0) == ()
    return queue


def take_all(queue: FairQueue[str]) -> list[str]:
    taken = []
    while (entry := queue.take(lambda _: True)) is not None:
        taken.append(entry)
    return taken


class FairQueueTests(SynchronousTestCase):
    def test_principals_are_served_in_turn_and_each_one_in_order(self) -> None:
        self.assertEqual(take_all(queue_of(a=4, b=2, c=1)), ["a0", "b0", "c0", "a1", "b1", "a2", "a3"])

    def test_a_principal_that_may_not_leave_keeps_its_turn(self) -> None:
        queue = queue_of(a=2, b=2)
        self.assertEqual(queue.take(lambda principal: principal != "a"), "b0")
        self.assertIsNone(queue.take(lambda _: False))
        self.assertEqual(take_all(queue), ["a0", "b1", "a1"])

    def test_a_full_queue_refuses_who_has_most(self) -> None:
        queue = queue_of(QueueLimits(entries=4, entries_per_principal=4, size_bytes=100), a=3, b=1)
        self.assertIsNone(queue.add("a3", "a", 1, 10.0))
        self.assertEqual(take_all(queue), ["a0", "b0", "a1", "a2"])

    def test_a_full_queue_has_room_for_who_has_less_than_others(self) -> None:
        queue = queue_of(QueueLimits(entries=4, entries_per_principal=4, size_bytes=100), a=4)
        self.assertEqual(queue.add("b0", "b", 1, 10.0), ("a3",))
        self.assertEqual(queue.add("b1", "b", 1, 10.0), ("a2",))
        self.assertIsNone(queue.add("b2", "b", 1, 10.0))
        self.assertEqual(take_all(queue), ["a0", "b0", "a1", "b1"])

    def test_one_principal_has_a_limit_of_its_own(self) -> None:
        queue = queue_of(QueueLimits(entries=9, entries_per_principal=2, size_bytes=100), a=2)
        self.assertIsNone(queue.add("a2", "a", 1, 10.0))
        self.assertEqual(queue.add("b0", "b", 1, 10.0), ())

    def test_bytes_are_limited_and_displaced_like_entries(self) -> None:
        queue: FairQueue[str] = FairQueue(QueueLimits(entries=9, entries_per_principal=9, size_bytes=10))
        self.assertIsNone(queue.add("huge", "a", 11, 10.0))
        for name in ("a0", "a1"):
            self.assertEqual(queue.add(name, "a", 5, 10.0), ())
        self.assertIsNone(queue.add("b0", "b", 6, 10.0))
        self.assertEqual(queue.add("b0", "b", 5, 10.0), ("a1",))
        self.assertEqual((queue.size_bytes, take_all(queue), queue.size_bytes), (10, ["a0", "b0"], 0))

    def test_entries_expire_in_the_order_of_their_deadlines(self) -> None:
        queue: FairQueue[str] = FairQueue(ROOMY)
        for name, expires in (("late", 3.0), ("early", 1.0), ("later", 4.0)):
            queue.add(name, name, 1, expires)
        self.assertEqual((queue.expire(0.9), queue.next_deadline()), ([], 1.0))
        self.assertEqual((queue.expire(3.0), queue.next_deadline()), (["early", "late"], 4.0))
        queue.remove("later")
        self.assertIsNone(queue.next_deadline())

    def test_the_position_counts_who_comes_first(self) -> None:
        queue = queue_of(a=9, b=2)
        self.assertEqual([queue.position(name) for name in "abc"], [12, 6, 3])
        self.assertEqual(queue_of().position("a"), 1)

    def test_deadlines_of_entries_that_have_left_take_no_memory(self) -> None:
        queue: FairQueue[str] = FairQueue(ROOMY)
        for _ in range(10_000):
            queue.add("a", "a", 1, 10.0)
            queue.remove("a")
        self.assertLess(len(queue._deadlines), 200)

    @given(waiting=st.dictionaries(PRINCIPALS, st.integers(1, 20), min_size=1))
    def test_nobody_starves(self, waiting: dict[str, int]) -> None:
        """Between two entries of a principal, every other one that waits gets one."""
        queue, left = queue_of(**waiting), Counter(waiting)
        while left:
            one_round = [queue.take(lambda _: True) for _ in range(len(left))]
            self.assertEqual(sorted(entry[0] for entry in one_round if entry), sorted(left))
            left = +(left - Counter(left.keys()))


class FairQueueMachine(RuleBasedStateMachine):
    """Every entry leaves exactly once, or is in the queue; the limits hold."""

    @initialize(entries=st.integers(0, 6), own=st.integers(1, 6), size=st.integers(1, 12))
    def begin(self, entries: int, own: int, size: int) -> None:
        self.limits = QueueLimits(entries=entries, entries_per_principal=own, size_bytes=size)
        self.queue: FairQueue[int] = FairQueue(self.limits)
        self.waiting: dict[int, tuple[str, int, float]] = {}  # principal, size, deadline; oldest first
        self.number, self.now = 0, 0.0

    def counts(self) -> Counter[str]:
        return Counter(principal for principal, _, _ in self.waiting.values())

    @rule(principal=PRINCIPALS, size=st.integers(0, 8), seconds=st.integers(0, 5))
    def add(self, principal: str, size: int, seconds: int) -> None:
        self.number += 1
        accepted = self.queue.accepts(principal, size)
        displaced = self.queue.add(self.number, principal, size, self.now + seconds)
        assert (displaced is not None) == accepted
        if displaced is None:
            return
        for victim in displaced:
            owner = self.waiting.pop(victim)[0]
            assert owner != principal
        self.waiting[self.number] = (principal, size, self.now + seconds)

    @rule(barred=st.sets(PRINCIPALS))
    def take(self, barred: set[str]) -> None:
        entry = self.queue.take(lambda principal: principal not in barred)
        if entry is None:
            assert set(self.counts()) <= barred
            return
        principal = self.waiting[entry][0]
        assert principal not in barred
        assert entry == next(one for one, (owner, _, _) in self.waiting.items() if owner == principal)
        del self.waiting[entry]

    @rule(number=st.integers(1, 20))
    def remove(self, number: int) -> None:
        assert self.queue.remove(number) == (self.waiting.pop(number, None) is not None)

    @rule(seconds=st.integers(0, 3))
    def expire(self, seconds: int) -> None:
        self.now += seconds
        late = {entry for entry, (_, _, expires) in self.waiting.items() if expires <= self.now}
        assert set(self.queue.expire(self.now)) == late
        self.waiting = {entry: place for entry, place in self.waiting.items() if entry not in late}

    @rule()
    def clear(self) -> None:
        assert self.queue.clear() == list(self.waiting)
        self.waiting = {}

    @invariant()
    def holds_what_waits_within_its_limits(self) -> None:
        assert len(self.queue) == len(self.waiting) <= self.limits.entries
        assert self.queue.size_bytes == sum(size for _, size, _ in self.waiting.values()) <= self.limits.size_bytes
        assert all(number <= self.limits.entries_per_principal for number in self.counts().values())
        assert self.queue.next_deadline() == min((late for _, _, late in self.waiting.values()), default=None)


class FairQueueLawTests(SynchronousTestCase):
    def test_every_entry_leaves_exactly_once(self) -> None:
        run_state_machine_as_test(
            FairQueueMachine, settings=settings(settings.get_profile("few"), stateful_step_count=30)
        )
