from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.byte_budget import BudgetAccount, ByteBudget

SIZES = st.integers(0, 150)
CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), SIZES), max_size=40)


class ByteBudgetTests(SynchronousTestCase):
    def test_one_principal_may_use_all_of_it(self) -> None:
        budget = ByteBudget(100)
        self.assertTrue(budget.admits("a", 100))
        self.assertFalse(budget.admits("a", 101))
        budget.change("a", 100)
        self.assertFalse(budget.admits("a", 1))
        self.assertFalse(budget.is_over("a"))

    def test_another_is_admitted_up_to_an_equal_share_and_the_first_is_then_over(self) -> None:
        budget = ByteBudget(100)
        budget.change("a", 100)
        self.assertTrue(budget.admits("b", 50))
        self.assertFalse(budget.admits("b", 51))
        budget.change("b", 50)
        self.assertEqual((budget.is_over("a"), budget.is_over("b")), (True, False))
        budget.change("a", -50)
        self.assertFalse(budget.is_over("a"))

    def test_an_account_is_what_it_was_set_to_last(self) -> None:
        budget = ByteBudget(100)
        account = BudgetAccount(budget, "a")
        account.set(60)
        self.assertTrue(account.admits(100))
        account.set(30)
        self.assertEqual((budget.total_bytes, budget.used_by("a")), (30, 30))
        account.set(0)
        self.assertEqual((budget.total_bytes, budget.used_by("a")), (0, 0))

    @given(CHANGES)
    def test_it_counts_what_the_accounts_have_and_never_more_than_the_shares_admit(
        self, changes: list[tuple[str, int, int]]
    ) -> None:
        budget = ByteBudget(100)
        accounts = {(who, number): BudgetAccount(budget, who) for who in "abc" for number in range(4)}
        sizes: dict[tuple[str, int], int] = {}
        for who, number, size in changes:
            account = accounts[who, number]
            if size <= sizes.get((who, number), 0) or account.admits(size):
                account.set(size)
                sizes[who, number] = size
        self.assertEqual(budget.total_bytes, sum(sizes.values()))
        for who in "abc":
            used = sum(size for (one, _), size in sizes.items() if one == who)
            self.assertEqual(budget.used_by(who), used)
            self.assertLessEqual(used, 100)
        # Three principals that came one after the other: all, a half and a third.
        self.assertLessEqual(budget.total_bytes, 100 + 50 + 33)
        if budget.total_bytes > 100:
            self.assertTrue(any(budget.is_over(who) for who in "abc"))
