from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage
from codexd.policy.key_budgets import list_budgets
from codexd.policy.key_meter import KeyMeters
from codexd.policy.key_policy import KeyPolicy

NOON = 1_700_049_600.0  # 2023-11-15T12:00:00Z
DAY = 86400.0


class KeyBudgetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.meters = KeyMeters(lambda: 0.0, lambda: NOON)
        self.meters.apply(
            (
                KeyPolicy(name="ann", tokens_per_day=1000, tokens_per_month=10_000),
                KeyPolicy(name="bob", tokens_per_day=100),
                KeyPolicy(name="without"),
            )
        )
        for name, tokens in (("ann", 300), ("bob", 120), ("without", 999)):
            meter = self.meters.find(name)
            assert meter is not None
            meter.spend(Usage(input_tokens=tokens), 0)

    def test_keys_with_a_budget_are_listed_and_that_which_is_used_most_is_first(self) -> None:
        found = [(use.key, use.kind, use.spent, use.limit) for use in list_budgets(self.meters, NOON)]
        self.assertEqual(found, [("bob", "day", 120, 100), ("ann", "day", 300, 1000), ("ann", "month", 300, 10_000)])

    def test_the_next_period_begins_without_a_request(self) -> None:
        before = list_budgets(self.meters, NOON)[0]
        self.assertEqual(before.ends, NOON + DAY / 2)
        after = {(use.key, use.kind): use.spent for use in list_budgets(self.meters, NOON + DAY)}
        self.assertEqual(after, {("ann", "day"): 0, ("bob", "day"): 0, ("ann", "month"): 300})
