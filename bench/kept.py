"""What keeping costs as a store grows: going on from an answer, and memory."""

import re
from pathlib import Path

from bench.load import RESPONSES, Client
from bench.meter import SHORT, Meter
from bench.processes import served
from bench.report import Figure, memory, request, times
from bench.upstream import before_upstream

FEW, MANY = 10, 10_000
_ASKED = 200
_ID = re.compile(rb'"id":"(resp_[^"]+)"')


def over_store(state: Path, turns: int) -> list[Figure]:
    """Measure one store as it grows."""
    with served("bench.instant_upstream") as (_, upstream), before_upstream(state, upstream) as meter:
        meter.requests(RESPONSES, max(200, turns // 5), store=False)
        meter.requests(RESPONSES, FEW, 1)
        (few,) = _going_on(meter)
        meter.requests(RESPONSES, MANY // 5)
        (early,) = meter.resident_bytes()
        meter.requests(RESPONSES, MANY - MANY // 5)
        (many,) = _going_on(meter)
        (late,) = meter.resident_bytes()
    return [
        request(f"CPU of going on from one of {FEW:,}", few),
        request(f"CPU of going on from one of {MANY:,}", many, "1.2 x", times(many, few, f"of {FEW:,}")),
        memory("memory of the daemon", late, "70 MB"),
        memory(f"growth from {MANY // 5:,} to {MANY:,} answers", late - early),
    ]


def _going_on(meter: Meter) -> tuple[float, ...]:
    """Give the seconds of a request that goes on from a kept answer, and is kept itself."""
    client = Client(meter.port, RESPONSES)
    first = client.ask(RESPONSES.request(meter.model, SHORT)).said
    found = _ID.search(first)
    assert found is not None
    again = RESPONSES.request(meter.model, SHORT, previous_response_id=found[1].decode())
    spent = meter.work(lambda: [client.ask(again) for _ in range(_ASKED)], _ASKED)
    client.close()
    return spent
