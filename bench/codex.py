"""Measure codexd with Codex: with a child that answers at once, and with the real one."""

import statistics
from pathlib import Path

from codex_cli_bin import bundled_codex_path

from bench.direct_child import DirectChild
from bench.load import CHAT, StreamClient
from bench.meter import SHORT, Meter
from bench.processes import ROOT, child_pids, run_daemon, run_scripted_model
from bench.report import Figure, delta_figure, format_ratio, memory_figure, request_figure
from bench.responses import measure_responses

MODEL = "gpt-5.5"
_LONG = "long: 4000"

_CONFIG = """\
model = "gpt-5.5"
model_provider = "bench"
[model_providers.bench]
name = "bench"
base_url = "{url}"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false
request_max_retries = 0
stream_max_retries = 0
"""


def measure_instant_child(state: Path, turns: int) -> list[Figure]:
    """Measure codexd itself."""
    options = ("--codex", str(ROOT / "bench" / "instant-codex"))
    with (
        run_scripted_model() as url,
        run_daemon(state, *options, "--codex-home", build_home(state, url)) as (pid, port),
    ):
        meter = Meter(port, (pid,), MODEL)
        meter.measure_requests(CHAT, 200)
        (per_request,) = meter.measure_requests(CHAT, turns)
        (per_delta,) = meter.measure_deltas(CHAT, _LONG, 20)
        responses = measure_responses(meter, turns, _LONG, (per_request, per_delta), "delta")
        (rss,) = meter.resident_bytes()
    return [
        request_figure("CPU of a short streamed request", per_request, "1.5 ms"),
        delta_figure("CPU of a streamed delta", per_delta, "10 us"),
        *responses,
        memory_figure("memory of the daemon", rss, "70 MB"),
    ]


def measure_real_child(state: Path, turns: int) -> list[Figure]:
    """Measure codexd and compare it with the real child's own cost of the same work."""
    with run_scripted_model() as url, run_daemon(state, "--codex-home", build_home(state, url)) as (pid, port):
        meter = Meter(port, (pid, *child_pids(pid)), MODEL)
        meter.measure_requests(CHAT, 60)
        _, before = meter.resident_bytes()
        per_request, child_per_request = meter.measure_requests(CHAT, turns)
        growth = meter.resident_bytes()[1] - before
        per_delta, child_per_delta = meter.measure_deltas(CHAT, _LONG, 5)
        ours, direct = _first_text(state, port)
        rss, _ = meter.resident_bytes()
    return [
        request_figure(
            "CPU of a short streamed request",
            per_request,
            "1.5 ms",
            format_ratio(per_request, child_per_request, "the child's own"),
        ),
        delta_figure(
            "CPU of a streamed delta",
            per_delta,
            "10 us",
            format_ratio(per_delta, child_per_delta, "the child's own"),
        ),
        request_figure(
            "time added to the first text",
            ours - direct,
            "2 ms",
            format_ratio(ours, direct, "the child without codexd"),
        ),
        memory_figure("memory of the daemon", rss, "70 MB"),
        memory_figure(f"growth of the child over {turns} turns", growth, "20 MB"),
    ]


def build_home(state: Path, url: str) -> str:
    """Create a CODEX_HOME that uses the scripted model and return its path."""
    home = state / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text(_CONFIG.format(url=url))
    return str(home)


def _first_text(state: Path, port: int) -> tuple[float, float]:
    """Return the median seconds to the first text with codexd and without it, measured alternately."""
    direct = DirectChild(bundled_codex_path(), state / "home", state / "codexd")
    client = StreamClient(port, CHAT)
    proxied, without = [], []
    for number in range(120):
        text = f"{SHORT}{number}"
        proxied.append(client.request(CHAT.request(MODEL, text)).first_seconds)
        without.append(direct.first_text_seconds(MODEL, text))
    client.close()
    direct.close()
    return statistics.median(proxied[20:]), statistics.median(without[20:])
