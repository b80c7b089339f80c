from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.recycling import RecycleLimits, find_recycle_reason


class RecycleReasonTests(SynchronousTestCase):
    def test_without_limits_there_is_none(self) -> None:
        self.assertIsNone(find_recycle_reason(RecycleLimits(), 1e9, 10**9, 2**50))

    def test_each_limit_is_a_reason_when_it_is_reached(self) -> None:
        limits = RecycleLimits(after_seconds=10, after_turns=5, above_bytes=100)
        self.assertIsNone(find_recycle_reason(limits, 9.9, 4, 100))
        self.assertEqual(find_recycle_reason(limits, 10, 4, 100), "age")
        self.assertEqual(find_recycle_reason(limits, 9, 5, 100), "turns")
        self.assertEqual(find_recycle_reason(limits, 9, 4, 101), "memory")
