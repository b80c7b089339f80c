"""codexd over an upstream that answers at once, beside a bare Twisted proxy before the same upstream."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.instant_upstream import MODEL
from bench.load import CHAT, RESPONSES
from bench.meter import Meter
from bench.processes import daemon, served
from bench.report import Figure, memory, piece, request, times
from codexd.wire.json import Json

_BARE = "a bare Twisted proxy"
_MANY = 32
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


@contextmanager
def before_upstream(state: Path, port: int) -> Iterator[Meter]:
    """Run a daemon that has nothing but one upstream."""
    config = state / "upstream.toml"
    config.write_text(_CONFIG.format(port=port))
    with daemon(state, "--config", str(config)) as (pid, own):
        yield Meter(own, (pid,), MODEL)


def over_upstream(state: Path, turns: int) -> list[Figure]:
    """Measure what is codexd's own, and what of it is Twisted's."""
    with served("bench.instant_upstream") as (_, upstream):
        with served("bench.bare_proxy", str(upstream)) as (pid, port):
            bare = _passed(Meter(port, (pid,), MODEL), turns)
        with before_upstream(state, upstream) as meter:
            return _figures(bare, meter, turns)


def _passed(meter: Meter, turns: int) -> tuple[float, ...]:
    """Give what a short request, a chunk and a chunk that comes alone take."""
    meter.requests(CHAT, 200)
    (asked,) = meter.requests(CHAT, turns)
    (said,) = meter.pieces(CHAT, "long", 20)
    (alone,) = meter.pieces(CHAT, "slow", 16, 16)
    return asked, said, alone


def _figures(bare: tuple[float, ...], meter: Meter, turns: int) -> list[Figure]:
    asked, said, alone = _passed(meter, turns)
    (before,) = meter.resident_bytes()
    (single,) = meter.requests(CHAT, turns, 1)
    (many,) = meter.requests(CHAT, turns, _MANY)
    (offered,) = meter.requests(CHAT, turns, tools=_TOOLS)
    (looked_through,) = meter.pieces(CHAT, "long", 20, tools=_TOOLS)
    (unkept,) = meter.requests(RESPONSES, turns, store=False)
    (kept,) = meter.requests(RESPONSES, turns)
    (told,) = meter.pieces(RESPONSES, "long", 20)
    (after,) = meter.resident_bytes()
    return [
        request("CPU of a short streamed request", asked, "1.5 ms", times(asked, bare[0], _BARE)),
        request("the same on one connection", single, "", times(single, asked, "on four")),
        request(f"the same on {_MANY} connections", many, "", times(many, asked, "on four")),
        request(f"the same with {len(_TOOLS)} tools", offered, "", times(offered, asked, "without")),
        piece("CPU of a streamed chunk", said, "15 us", times(said, bare[1], _BARE)),
        piece(
            "the same, looked through for calls", looked_through, "", times(looked_through, said, "without")
        ),
        piece("CPU of a chunk that comes alone", alone, "", times(alone, bare[2], _BARE)),
        request("CPU of a short response, not kept", unkept, "", times(unkept, asked, "a chat request")),
        request("CPU of a short response, kept", kept, "", times(kept, unkept, "one not kept")),
        piece("CPU of a chunk of a response, kept", told, "", times(told, said, "a chat chunk")),
        memory("memory of the daemon", after),
        memory(f"growth over {5 * turns} requests", after - before),
    ]
