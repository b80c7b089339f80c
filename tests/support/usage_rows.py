"""Rows of the ledger of usage for tests."""

from attrs import evolve

from codexd.neutral.event import Usage
from codexd.neutral.usage import UsageRow

MIDNIGHT = 1_796_083_200
"""2026-12-01T00:00:00Z, in Unix seconds."""

ROW = UsageRow(
    number=1,
    time=MIDNIGHT,
    request="req_1",
    key="alice",
    model="gpt-5",
    endpoint="/v1/responses",
    backend="codex",
    outcome="ok",
    requests=1,
    errors=0,
    usage=Usage(input_tokens=10, cached_tokens=4, cache_write_tokens=3, output_tokens=20, reasoning_tokens=5),
)


def row(number: int, time: int = MIDNIGHT, **changes: object) -> UsageRow:
    """Return a row with some changes."""
    return evolve(ROW, number=number, time=time, **changes)
