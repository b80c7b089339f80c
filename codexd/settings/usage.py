"""Settings of the ledger of usage."""

from attrs import frozen

from codexd.settings.ranges import Count


@frozen(kw_only=True)
class Usage:
    """The ledger of usage, in the database of the responses.

    Attributes:
        keep_days: the number of days for which the row of every request is kept, and the sums of every hour; then the
            hours become sums of days.
        keep_total_days: the number of days for which the sums of days are kept.
        max_rows: the maximum number of rows; beyond it the oldest are deleted earlier. Their sums stay.
    """

    keep_days: Count = 30
    keep_total_days: Count = 400
    max_rows: Count = 1_000_000
