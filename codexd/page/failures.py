"""The last failures, one row for each outcome: many of one kind do not hide the others."""

from collections.abc import Iterable, Sequence
from typing import Final

from twisted.web.template import Tag

from codexd.neutral.records import frozen
from codexd.observe.recent_requests import RecentRequest
from codexd.page.amounts import number, shorten
from codexd.page.html import Content, element, section, table
from codexd.page.request_view import NO_FAILURES, view_request
from codexd.page.requests import MODEL_CHARACTERS, RequestView, clock_time, request_link

_HEADING: Final = "Recent failures"
_HEADS: Final = ("Outcome", "Requests", "Last one ended", "Last one", "Model", "Key")


@frozen
class FailureGroup:
    """The remembered requests that failed with one outcome.

    Attributes:
        count: how many there are.
        last: the one that ended last.
    """

    count: int
    last: RequestView


def group_failures(newest_first: Iterable[RecentRequest], now: float) -> tuple[FailureGroup, ...]:
    """Group the failures among requests by outcome; the outcome that came last is the first.

    Args:
        newest_first: the requests.
        now: the time on the clock of their records.
    """
    groups: dict[str, list[RecentRequest]] = {}
    for one in newest_first:
        if not one.running and one.record.outcome not in NO_FAILURES:
            groups.setdefault(one.record.outcome, []).append(one)
    return tuple(FailureGroup(len(found), view_request(found[0].record, False, now)) for found in groups.values())


def failures_section(groups: Sequence[FailureGroup]) -> Tag:
    """Build the section with the table of failures."""
    if not groups:
        return section(_HEADING, "failures", element("p", "No failure among the recent requests."))
    rows = [_row(group.count, group.last) for group in groups]
    return section(_HEADING, "failures", table(_HEADING, _HEADS, rows, (1,)))


def _row(count: int, last: RequestView) -> list[Content]:
    return [
        element("span", f"{last.status} {last.outcome}", class_="bad"),
        number(count),
        clock_time(last.at),
        request_link(last),
        shorten(last.model, MODEL_CHARACTERS),
        last.principal,
    ]
