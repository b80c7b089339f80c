"""What keeping costs as a store grows: going on from an answer, and memory."""

import re
from pathlib import Path

from bench.load import RESPONSES, Client
from bench.meter import SHORT, Meter
from bench.processes import served
from bench.report import Figure, memory, request, times
from bench.upstream import before_upstream

FEW, MANY = 10, 10_000
_ROUNDS, _ASKED = 10, 20
_ID = re.compile(rb'"id":"(resp_[^"]+)"')


def over_store(state: Path, turns: int) -> list[Figure]:
    """Measure two daemons in turns: one has kept few answers, the other many."""
    states = state / "few", state / "many"
    for one in states:
        one.mkdir()
    with (
        served("bench.instant_upstream") as (_, upstream),
        before_upstream(states[0], upstream) as small,
        before_upstream(states[1], upstream) as large,
    ):
        small.requests(RESPONSES, turns, store=False)
        small.requests(RESPONSES, FEW, 1)
        large.requests(RESPONSES, MANY // 5)
        (early,) = large.resident_bytes()
        large.requests(RESPONSES, MANY - MANY // 5)
        (late,) = large.resident_bytes()
        few, many = _going_on(small, large)
    return [
        request(f"CPU of going on from one of {FEW:,}", few),
        request(f"CPU of going on from one of {MANY:,}", many, "1.2 x", times(many, few, f"of {FEW:,}")),
        memory("memory of the daemon", late),
        memory(f"growth from {MANY // 5:,} to {MANY:,} answers", late - early),
    ]


def _going_on(*meters: Meter) -> list[float]:
    """Give the seconds of a request that goes on from a kept answer, and is kept itself."""
    asking = [_Asking(meter) for meter in meters]
    spent = [0.0 for _ in meters]
    for _ in range(_ROUNDS):
        for place, one in enumerate(asking):
            spent[place] += one.seconds() / _ROUNDS
    for one in asking:
        one.client.close()
    return spent


class _Asking:
    """A client that goes on from one answer, again and again."""

    def __init__(self, meter: Meter) -> None:
        self.client = Client(meter.port, RESPONSES)
        self._meter = meter
        first = self.client.ask(RESPONSES.request(meter.model, SHORT)).said
        found = _ID.search(first)
        assert found is not None
        self._again = RESPONSES.request(meter.model, SHORT, previous_response_id=found[1].decode())

    def seconds(self) -> float:
        """Give what one request takes."""
        (spent,) = self._meter.work(lambda: [self.client.ask(self._again) for _ in range(_ASKED)], _ASKED)
        return spent
