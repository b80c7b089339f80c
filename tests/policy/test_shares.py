from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.shares import choose_owner_to_displace, fair_shares, may_displace

USED = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100))


class FairShareTests(SynchronousTestCase):
    def test_an_owner_below_an_equal_share_keeps_everything(self) -> None:
        for used, limit, shares in (
            ({"a": 2, "b": 20, "c": 30}, 12, {"a": 2, "b": 5, "c": 5}),
            ({"a": 5, "b": 5}, 5, {"a": 3, "b": 2}),
            ({"a": 7}, 5, {"a": 5}),
            ({"a": 7, "b": 1}, 100, {"a": 7, "b": 1}),
            ({}, 5, {}),
            ({"a": 1}, 0, {"a": 0}),
        ):
            self.assertEqual(fair_shares(used, limit), shares)

    @given(USED, st.integers(0, 500))
    def test_the_limit_is_kept_and_used_up(self, used: dict[str, int], limit: int) -> None:
        shares = fair_shares(used, limit)
        self.assertEqual(sum(shares.values()), min(limit, sum(used.values())))
        self.assertTrue(all(0 <= shares[owner] <= used[owner] for owner in used))

    @given(USED, st.integers(0, 500))
    def test_who_loses_something_keeps_at_least_as_much_as_anybody(self, used: dict[str, int], limit: int) -> None:
        shares = fair_shares(used, limit)
        losers = [shares[owner] for owner in used if shares[owner] < used[owner]]
        self.assertTrue(all(share >= max(shares.values()) - 1 for share in losers))

    @given(USED, st.integers(0, 500), st.integers(0, 100))
    def test_shares_stay_while_the_excess_is_deleted_in_steps(
        self, used: dict[str, int], limit: int, step: int
    ) -> None:
        shares = fair_shares(used, limit)
        fewer = {owner: max(shares[owner], used[owner] - step) for owner in used}
        self.assertEqual(sum(fair_shares(fewer, limit).values()), sum(shares.values()))


class DisplacementTests(SynchronousTestCase):
    def test_the_owner_that_has_most_loses(self) -> None:
        self.assertEqual(choose_owner_to_displace({"a": 3, "b": 1}, {"a": 2, "b": 1}), "a")

    def test_of_several_the_one_with_the_oldest_loses(self) -> None:
        self.assertEqual(choose_owner_to_displace({"a": 2, "b": 2, "c": 1}, {"a": 5, "b": 4, "c": 1}), "b")

    def test_nobody_displaces_others_to_have_more_than_they(self) -> None:
        self.assertEqual([may_displace({"a": 4, "b": own}, "b") for own in (1, 2, 3)], [True, True, False])
        self.assertEqual([may_displace({}, "b"), may_displace({"b": 9}, "b")], [False, False])
