"""`make bench`: what codexd costs, over the real child and over one that answers at once."""

import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen
from codex_cli_bin import bundled_codex_path

from bench import load
from bench.direct import Direct
from bench.processes import ROOT, children, cpu_seconds, daemon, resident_bytes, scripted

MODEL = "gpt-5.5"
SHORT = "say: hi"
WORDS = 4000

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


@frozen
class Figure:
    """One line of the report; `against` is what the same run shows of something named."""

    name: str
    value: str
    target: str
    against: str = ""


def main(arguments: list[str]) -> int:
    """Measure and print."""
    turns = int(arguments[0]) if arguments else 1000
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as folder, ExitStack() as stack:
        state = Path(folder)
        url = stack.enter_context(scripted())
        (state / "home").mkdir(mode=0o700)
        (state / "home" / "config.toml").write_text(_CONFIG.format(url=url))
        _print("over a child that answers at once", over_instant_child(state, turns))
        _print("over the real Codex app-server", over_real_child(state, turns))
    return 0


def over_instant_child(state: Path, turns: int) -> list[Figure]:
    """Measure what is codexd's own."""
    with daemon(state, ROOT / "bench" / "instant-codex") as (pid, port):
        (child,) = children(pid)
        load.ask_many(port, MODEL, SHORT, 200, 4)
        request, _ = _cpu(pid, child, lambda: load.ask_many(port, MODEL, SHORT, turns, 4), turns)
        delta, _ = _cpu_of_deltas(pid, child, port, 20)
        rss = resident_bytes(pid)
    return [
        Figure("CPU of a short streamed request", f"{request * 1e3:.2f} ms", "1.5 ms"),
        Figure("CPU of a streamed delta", f"{delta * 1e6:.1f} us", "10 us"),
        Figure("memory of the daemon", f"{rss / 2**20:.0f} MB", "70 MB"),
    ]


def over_real_child(state: Path, turns: int) -> list[Figure]:
    """Measure codexd beside what the real child itself takes for the same work."""
    with daemon(state, None) as (pid, port):
        (child,) = children(pid)
        load.ask_many(port, MODEL, SHORT, 60, 4)
        before = resident_bytes(child)
        request, childs = _cpu(pid, child, lambda: load.ask_many(port, MODEL, SHORT, turns, 4), turns)
        growth = resident_bytes(child) - before
        delta, child_delta = _cpu_of_deltas(pid, child, port, 5)
        ours, direct = _first_text(state, port)
        rss = resident_bytes(pid)
    return [
        Figure(
            "CPU of a short streamed request", f"{request * 1e3:.2f} ms", "1.5 ms", _share(request, childs)
        ),
        Figure("CPU of a streamed delta", f"{delta * 1e6:.1f} us", "10 us", _share(delta, child_delta)),
        Figure(
            "added to the first text",
            f"{(ours - direct) * 1e3:.2f} ms",
            "2 ms",
            f"{ours / direct:.2f} x the child driven directly",
        ),
        Figure("memory of the daemon", f"{rss / 2**20:.0f} MB", "70 MB"),
        Figure(f"growth of the child over {turns} turns", f"{growth / 2**20:.1f} MB", "20 MB"),
    ]


def _cpu(pid: int, child: int, work: Callable[[], object], count: int) -> tuple[float, float]:
    """Give the CPU seconds a piece of work took, of the daemon and of its child."""
    ours, theirs = cpu_seconds(pid), cpu_seconds(child)
    work()
    return (cpu_seconds(pid) - ours) / count, (cpu_seconds(child) - theirs) / count


def _cpu_of_deltas(pid: int, child: int, port: int, answers: int) -> tuple[float, float]:
    """Give the CPU seconds of one delta, within answers so long that little else counts."""
    frames = 0

    def work() -> None:
        nonlocal frames
        frames = load.ask_many(port, MODEL, f"long: {WORDS}", answers, 1)

    ours, theirs = _cpu(pid, child, work, 1)
    return ours / frames, theirs / frames


def _first_text(state: Path, port: int) -> tuple[float, float]:
    """Give the median seconds to the first text through codexd and without it, taken in turns."""
    direct = Direct(bundled_codex_path(), state / "home", state / "codexd")
    client = load.Client(port, MODEL)
    through, without = [], []
    for number in range(120):
        text = f"say: number {number}"
        through.append(client.ask(text).first_seconds)
        without.append(direct.first_text_seconds(MODEL, text))
    client.close()
    direct.close()
    return statistics.median(through[20:]), statistics.median(without[20:])


def _share(ours: float, childs: float) -> str:
    return f"{ours / childs:.2f} x the child's own"


def _print(title: str, figures: list[Figure]) -> None:
    print(f"\n{title}")
    for figure in figures:
        print(f"  {figure.name:42} {figure.value:>10}   target {figure.target:>7}   {figure.against}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
