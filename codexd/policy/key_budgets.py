"""How much of their budgets API keys have used."""

from collections.abc import Iterable

from codexd.neutral.records import frozen
from codexd.policy.key_meter import KeyMeter
from codexd.policy.token_budget import PeriodKind


@frozen(kw_only=True)
class BudgetUse:
    """One budget of one key.

    Attributes:
        key: its name.
        kind: the length of the budget's periods.
        spent: the tokens that are used in the current period.
        limit: the tokens of the budget.
        ends: when the next period begins, in Unix time.
    """

    key: str
    kind: PeriodKind
    spent: int
    limit: int
    ends: float

    @property
    def used_ratio(self) -> float:
        """The part that is used."""
        return self.spent / self.limit


def list_budgets(meters: Iterable[KeyMeter], unix_time: float) -> tuple[BudgetUse, ...]:
    """Return the budgets of all keys that have one; those first of which most is used."""
    found: list[BudgetUse] = []
    for meter in meters:
        for budget in meter.budgets:
            budget.advance(unix_time)
            if budget.limit:
                use = BudgetUse(
                    key=meter.policy.name,
                    kind=budget.kind,
                    spent=budget.spent,
                    limit=budget.limit,
                    ends=budget.period.ends,
                )
                found.append(use)
    return tuple(sorted(found, key=lambda use: -use.used_ratio))
