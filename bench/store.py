"""Measure a growing store: the cost of continuing a stored response, and memory."""

import re
from pathlib import Path

from bench.load import RESPONSES, StreamClient
from bench.meter import SHORT, Meter
from bench.processes import run_server
from bench.report import Figure, format_ratio, memory_figure, request_figure
from bench.upstream import run_daemon_with_upstream

FEW, MANY = 10, 10_000
_ROUNDS, _REQUESTS = 10, 20
_ID = re.compile(rb'"id":"(resp_[^"]+)"')


def measure_store(state: Path, turns: int) -> list[Figure]:
    """Measure two daemons alternately: one has stored few responses, the other many."""
    states = state / "few", state / "many"
    for one in states:
        one.mkdir()
    with (
        run_server("bench.instant_upstream") as (_, upstream),
        run_daemon_with_upstream(states[0], upstream) as small,
        run_daemon_with_upstream(states[1], upstream) as large,
    ):
        small.measure_requests(RESPONSES, turns, store=False)
        small.measure_requests(RESPONSES, FEW, 1)
        large.measure_requests(RESPONSES, MANY // 5)
        (early,) = large.resident_bytes()
        large.measure_requests(RESPONSES, MANY - MANY // 5)
        (late,) = large.resident_bytes()
        few, many = _measure_continuations(small, large)
    return [
        request_figure(f"CPU of continuing one of {FEW:,}", few),
        request_figure(f"CPU of continuing one of {MANY:,}", many, "1.2 x", format_ratio(many, few, f"of {FEW:,}")),
        memory_figure("memory of the daemon", late),
        memory_figure(f"growth from {MANY // 5:,} to {MANY:,} stored responses", late - early),
    ]


def _measure_continuations(*meters: Meter) -> list[float]:
    """Return the CPU seconds of a stored request that continues a stored response, for each daemon."""
    clients = [_ContinuingClient(meter) for meter in meters]
    spent = [0.0 for _ in meters]
    for _ in range(_ROUNDS):
        for index, one in enumerate(clients):
            spent[index] += one.seconds() / _ROUNDS
    for one in clients:
        one.client.close()
    return spent


class _ContinuingClient:
    """A client that repeatedly continues the same response."""

    def __init__(self, meter: Meter) -> None:
        self.client = StreamClient(meter.port, RESPONSES)
        self._meter = meter
        first = self.client.request(RESPONSES.request(meter.model, SHORT)).body
        match = _ID.search(first)
        assert match is not None
        self._request = RESPONSES.request(meter.model, SHORT, previous_response_id=match[1].decode())

    def seconds(self) -> float:
        """Return the CPU seconds of one request."""
        (spent,) = self._meter.measure(
            lambda: [self.client.request(self._request) for _ in range(_REQUESTS)], _REQUESTS
        )
        return spent
