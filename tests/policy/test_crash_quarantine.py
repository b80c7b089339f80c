"""A principal whose turns end child after child has to wait; nobody else has."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.crash_quarantine import CrashQuarantine

BAD, GOOD = frozenset(("bad",)), frozenset(("good",))


class CrashQuarantineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.quarantine = CrashQuarantine(crashes=3, seconds=60.0)

    def crash(self, principals: frozenset[str], times: int, now: float = 0.0) -> list[bool]:
        return [self.quarantine.child_ended(principals, now) for _ in range(times)]

    def test_it_begins_after_consecutive_crashes_and_ends(self) -> None:
        self.assertEqual(self.crash(BAD, 3), [False, False, True])
        self.assertEqual([self.quarantine.remaining_seconds("bad", now) for now in (0, 59, 60)], [60, 1, 0])
        self.assertEqual(self.quarantine.remaining_seconds("good", 0), 0)

    def test_after_it_one_crash_is_enough_and_a_success_forgets_all(self) -> None:
        self.crash(BAD, 3)
        self.assertEqual(self.crash(BAD, 1, 100.0), [True])
        self.quarantine.succeeded("bad")
        self.assertEqual(self.crash(BAD, 2, 200.0), [False, False])
        self.assertEqual(self.quarantine.remaining_seconds("bad", 200.0), 0)

    def test_a_child_with_turns_of_several_principals_or_of_none_blames_nobody(self) -> None:
        self.assertEqual(self.crash(BAD | GOOD, 9) + self.crash(frozenset(), 9), [False] * 18)
