from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.observe.recent_requests import RecentRequest
from codexd.page.failures import failures_section, group_failures
from codexd.page.html import render
from tests.page.test_requests import make_record


def failed(outcome: str, id: str, **fields: object) -> RecentRequest:
    return RecentRequest(make_failed(outcome, id, **fields), running=False)


def make_failed(outcome: str, id: str, **fields: object) -> RequestRecord:
    return make_record(outcome=outcome, id=id, **({"status": 503} | fields))


class FailuresTests(SynchronousTestCase):
    def test_there_is_one_row_for_each_outcome_with_the_request_that_ended_last(self) -> None:
        newest_first = [
            *(failed("circuit_open", f"req_{number}") for number in range(219)),
            failed("unreachable", "req_down"),
            failed("key_budget_exhausted", "req_budget", status=429),
        ]
        groups = group_failures(newest_first, 500.0)
        self.assertEqual(
            [(group.last.outcome, group.count, group.last.id) for group in groups],
            [("circuit_open", 219, "req_0"), ("unreachable", 1, "req_down"), ("key_budget_exhausted", 1, "req_budget")],
        )
        shown = render(failures_section(groups))
        for text in (b">503 circuit_open<", b">219<", b'href="/status/requests/req_0"', b">429 key_budget_exhausted<"):
            self.assertIn(text, shown)

    def test_what_runs_succeeded_or_was_ended_by_the_client_is_left_out(self) -> None:
        others = [RecentRequest(make_failed("ok", "req_running"), running=True)]
        others += [failed(outcome, "req_1") for outcome in ("ok", "client_disconnected", "cancelled")]
        self.assertEqual(group_failures(others, 500.0), ())
        self.assertIn(b"No failure among the recent requests.", render(failures_section(())))
