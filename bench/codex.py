"""codexd over Codex: over a child that answers at once, and over the real one."""

import statistics
from pathlib import Path

from codex_cli_bin import bundled_codex_path

from bench.direct import Direct
from bench.load import CHAT, RESPONSES, Client
from bench.meter import SHORT, Meter
from bench.processes import ROOT, children, daemon, scripted
from bench.report import Figure, memory, piece, request, times

MODEL = "gpt-5.5"
_LONG = "long: 4000"

_CONFIG = """\
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


def over_instant_child(state: Path, turns: int) -> list[Figure]:
    """Measure what is codexd's own."""
    options = ("--codex", str(ROOT / "bench" / "instant-codex"))
    with scripted() as url, daemon(state, *options, "--codex-home", _home(state, url)) as (pid, port):
        meter = Meter(port, (pid,), MODEL)
        meter.requests(CHAT, 200)
        (asked,) = meter.requests(CHAT, turns)
        (said,) = meter.pieces(CHAT, _LONG, 20)
        (unkept,) = meter.requests(RESPONSES, turns, store=False)
        (kept,) = meter.requests(RESPONSES, turns)
        (told,) = meter.pieces(RESPONSES, _LONG, 20)
        (rss,) = meter.resident_bytes()
    return [
        request("CPU of a short streamed request", asked, "1.5 ms"),
        piece("CPU of a streamed delta", said, "10 us"),
        request("CPU of a short response, not kept", unkept, "", times(unkept, asked, "a chat request")),
        request("CPU of a short response, kept", kept, "", times(kept, unkept, "one not kept")),
        piece("CPU of a delta of a response, kept", told, "", times(told, said, "a chat delta")),
        memory("memory of the daemon", rss, "70 MB"),
    ]


def over_real_child(state: Path, turns: int) -> list[Figure]:
    """Measure codexd beside what the real child itself takes for the same work."""
    with scripted() as url, daemon(state, "--codex-home", _home(state, url)) as (pid, port):
        meter = Meter(port, (pid, *children(pid)), MODEL)
        meter.requests(CHAT, 60)
        _, before = meter.resident_bytes()
        asked, childs = meter.requests(CHAT, turns)
        growth = meter.resident_bytes()[1] - before
        said, child_said = meter.pieces(CHAT, _LONG, 5)
        ours, direct = _first_text(state, port)
        rss, _ = meter.resident_bytes()
    return [
        request("CPU of a short streamed request", asked, "1.5 ms", times(asked, childs, "the child's own")),
        piece("CPU of a streamed delta", said, "10 us", times(said, child_said, "the child's own")),
        request(
            "added to the first text", ours - direct, "2 ms", times(ours, direct, "the child driven directly")
        ),
        memory("memory of the daemon", rss, "70 MB"),
        memory(f"growth of the child over {turns} turns", growth, "20 MB"),
    ]


def _home(state: Path, url: str) -> str:
    """Make a CODEX_HOME whose model is the scripted one; give its place."""
    home = state / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text(_CONFIG.format(url=url))
    return str(home)


def _first_text(state: Path, port: int) -> tuple[float, float]:
    """Give the median seconds to the first text through codexd and without it, taken in turns."""
    direct = Direct(bundled_codex_path(), state / "home", state / "codexd")
    client = Client(port, CHAT)
    through, without = [], []
    for number in range(120):
        text = f"{SHORT}{number}"
        through.append(client.ask(CHAT.request(MODEL, text)).first_seconds)
        without.append(direct.first_text_seconds(MODEL, text))
    client.close()
    direct.close()
    return statistics.median(through[20:]), statistics.median(without[20:])
