"""Tests of the rows of a request."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord, UsageCharge
from codexd.neutral.event import Usage
from codexd.neutral.usage import DAY_SECONDS, UsageRow
from codexd.usage.rows import MAX_MODELS, ModelNames, build_late_row, build_rows
from tests.support.usage_rows import MIDNIGHT

COUNTED = Usage(input_tokens=3, cached_tokens=1, cache_write_tokens=1, output_tokens=4, reasoning_tokens=2)
ESTIMATED = Usage(input_tokens=5, output_tokens=6, estimated=True)


class BuildRowsTests(SynchronousTestCase):
    def build(self, *charges: UsageCharge, **fields: object) -> list[UsageRow]:
        record = RequestRecord(
            **{"method": "POST", "model": "gpt-5", "principal": "alice", "route": "/v1/responses", **fields},
            charges=list(charges),
        )
        return list(build_rows(record, MIDNIGHT, ModelNames()))

    def test_a_request_is_one_row_with_the_tokens_of_all_its_choices(self) -> None:
        (row,) = self.build(UsageCharge("codex", COUNTED), UsageCharge("codex", COUNTED), id="r", backend="codex")
        doubled = Usage(input_tokens=6, cached_tokens=2, cache_write_tokens=2, output_tokens=8, reasoning_tokens=4)
        self.assertEqual((row.request, row.time, row.key, row.model), ("r", MIDNIGHT, "alice", "gpt-5"))
        self.assertEqual((row.backend, row.requests, row.errors, row.usage), ("codex", 1, 0, doubled))

    def test_other_back_ends_and_estimates_are_further_rows_of_the_same_request(self) -> None:
        rows = self.build(
            UsageCharge("a", COUNTED), UsageCharge("b", COUNTED), UsageCharge("b", ESTIMATED), outcome="stream_cut"
        )
        self.assertEqual(
            [(row.backend, row.usage, row.requests, row.errors) for row in rows],
            [("a", COUNTED, 1, 1), ("b", COUNTED, 0, 0), ("b", ESTIMATED, 0, 0)],
        )

    def test_a_failure_without_tokens_is_a_row_too(self) -> None:
        (row,) = self.build(outcome="unreachable", backend="local")
        self.assertEqual((row.model, row.backend, row.requests, row.errors), ("gpt-5", "local", 1, 1))

    def test_a_client_that_leaves_is_no_error(self) -> None:
        for outcome in ("client_disconnected", "slow_client", "cancelled"):
            (row,) = self.build(UsageCharge("codex", ESTIMATED), outcome=outcome)
            self.assertEqual(row.errors, 0, outcome)

    def test_the_name_of_a_model_that_does_not_exist_is_not_kept(self) -> None:
        for outcome, backend in (("unknown_model", "local"), ("model_not_allowed", ""), ("key_request_limit", "")):
            (row,) = self.build(outcome=outcome, backend=backend)
            self.assertEqual(row.model, "", outcome)

    def test_a_background_response_is_no_further_request(self) -> None:
        (row,) = self.build(UsageCharge("codex", COUNTED), method="background", outcome="stream_cut")
        self.assertEqual((row.requests, row.errors, row.usage), (0, 1, COUNTED))

    def test_requests_that_ask_for_no_model_or_have_no_caller_are_no_rows(self) -> None:
        self.assertEqual(self.build(model=""), [])
        self.assertEqual(self.build(principal=""), [])

    def test_what_comes_late_is_no_further_request(self) -> None:
        record = RequestRecord(model="m", principal="alice", charges=[UsageCharge("a", COUNTED)])
        row = build_late_row(record, UsageCharge("b", ESTIMATED), MIDNIGHT, ModelNames())
        self.assertEqual((row.backend, row.usage, row.requests, row.errors), ("b", ESTIMATED, 0, 0))


class ModelNamesTests(SynchronousTestCase):
    def test_a_key_has_a_limited_number_of_names_in_a_day(self) -> None:
        names = ModelNames()
        admitted = {names.admit("alice", str(number), MIDNIGHT) for number in range(2 * MAX_MODELS)}
        self.assertEqual(len(admitted), MAX_MODELS + 1)
        self.assertEqual(names.admit("alice", "new", MIDNIGHT), "other")
        self.assertEqual(names.admit("alice", "7", MIDNIGHT), "7")
        self.assertEqual(names.admit("bob", "new", MIDNIGHT), "new")
        self.assertEqual(names.admit("alice", "new", MIDNIGHT + DAY_SECONDS), "new")
