"""The table of the API keys with a budget."""

from collections.abc import Sequence
from typing import Final

from twisted.web.template import Tag

from codexd.page.amounts import number
from codexd.page.html import Content, element, section, table
from codexd.page.requests import clock_time
from codexd.policy.key_budgets import BudgetUse

_HEADING: Final = "API keys at their limits"
_MOST: Final = 20


def budgets_section(budgets: Sequence[BudgetUse]) -> Tag | None:
    """Build the section with the budgets of which most is used; None if no key has a budget."""
    if not budgets:
        return None
    heads = ("Key", "Period", "Used", "Tokens used", "Budget", "Resets at (UTC)")
    shown = [_row(one) for one in budgets[:_MOST]]
    more = len(budgets) - len(shown)
    said = "The keys with a budget of tokens; those first that have used most of it."
    said += f" {more} of which less is used are not shown." if more else ""
    return section(_HEADING, "budgets", element("p", said), table(_HEADING, heads, shown, (2, 3, 4)))


def _row(use: BudgetUse) -> list[Content]:
    is_used_up = use.spent >= use.limit
    return [
        use.key,
        use.kind,
        element("span", f"{int(100 * use.used_ratio)} %", class_="bad" if is_used_up else None),
        number(use.spent),
        number(use.limit),
        clock_time(use.ends, with_date=True),
    ]
