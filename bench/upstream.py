"""Measure codexd with an upstream that answers at once, and a bare Twisted proxy for comparison."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.instant_upstream import MODEL
from bench.load import CHAT
from bench.meter import Meter
from bench.processes import run_daemon, run_server
from bench.report import Figure, delta_figure, format_ratio, memory_figure, request_figure
from bench.responses import measure_responses
from codexd.wire.json import Json

_BARE = "a bare Twisted proxy"
_MANY_CONNECTIONS = 32
_TOOLS: Json = [
    {
        "type": "function",
        "function": {"name": f"tool_{number}", "description": "Does it.", "parameters": {"type": "object"}},
    }
    for number in range(8)
]

_CONFIG = """\
[codex]
model = "none"
[[upstream]]
name = "bench"
base_url = "http://127.0.0.1:{port}/v1"
"""


def upstream_config(state: Path, port: int, *settings: str) -> tuple[str, str]:
    """Write the settings of a daemon whose only back end is the upstream; return the daemon's options."""
    config = state / "upstream.toml"
    config.write_text(_CONFIG.format(port=port) + "\n".join(settings))
    return "--config", str(config)


@contextmanager
def run_daemon_with_upstream(state: Path, port: int) -> Iterator[Meter]:
    """Run a daemon whose only back end is the upstream."""
    with run_daemon(state, *upstream_config(state, port)) as (pid, daemon_port):
        yield Meter(daemon_port, (pid,), MODEL)


def measure_upstream(state: Path, turns: int) -> list[Figure]:
    """Measure codexd and the bare proxy."""
    with run_server("bench.instant_upstream") as (_, upstream):
        with run_server("bench.bare_proxy", str(upstream)) as (pid, port):
            bare = _measure_basics(Meter(port, (pid,), MODEL), turns)
        with run_daemon_with_upstream(state, upstream) as meter:
            return _figures(bare, meter, turns)


def _measure_basics(meter: Meter, turns: int) -> tuple[float, ...]:
    """Return the cost of a short request, of a chunk, and of a chunk in its own write."""
    meter.measure_requests(CHAT, 200)
    (per_request,) = meter.measure_requests(CHAT, turns)
    (per_chunk,) = meter.measure_deltas(CHAT, "long", 20)
    (per_single_chunk,) = meter.measure_deltas(CHAT, "slow", 16, 16)
    return per_request, per_chunk, per_single_chunk


def _figures(bare: tuple[float, ...], meter: Meter, turns: int) -> list[Figure]:
    per_request, per_chunk, per_single_chunk = _measure_basics(meter, turns)
    (before,) = meter.resident_bytes()
    (single,) = meter.measure_requests(CHAT, turns, 1)
    (many,) = meter.measure_requests(CHAT, turns, _MANY_CONNECTIONS)
    (with_tools,) = meter.measure_requests(CHAT, turns, tools=_TOOLS)
    (scanned_for_calls,) = meter.measure_deltas(CHAT, "long", 20, tools=_TOOLS)
    responses = measure_responses(meter, turns, "long", (per_request, per_chunk), "chunk")
    (after,) = meter.resident_bytes()
    return [
        request_figure(
            "CPU of a short streamed request",
            per_request,
            "1.5 ms",
            format_ratio(per_request, bare[0], _BARE),
        ),
        request_figure("the same on one connection", single, "", format_ratio(single, per_request, "on four")),
        request_figure(
            f"the same on {_MANY_CONNECTIONS} connections",
            many,
            "",
            format_ratio(many, per_request, "on four"),
        ),
        request_figure(
            f"the same with {len(_TOOLS)} tools",
            with_tools,
            "",
            format_ratio(with_tools, per_request, "without"),
        ),
        delta_figure("CPU of a streamed chunk", per_chunk, "15 us", format_ratio(per_chunk, bare[1], _BARE)),
        delta_figure(
            "the same, scanned for tool calls",
            scanned_for_calls,
            "",
            format_ratio(scanned_for_calls, per_chunk, "without"),
        ),
        delta_figure(
            "CPU of a chunk in its own write",
            per_single_chunk,
            "",
            format_ratio(per_single_chunk, bare[2], _BARE),
        ),
        *responses,
        memory_figure("memory of the daemon", after),
        memory_figure(f"growth over {5 * turns} requests", after - before),
    ]
