"""Measure codexd under much more load than its back end can serve, from two keys of which one has many more clients.

The upstream answers after a fixed time, so that its slots, and not the processor, are the limit.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import Factory, define, frozen

from bench.instant_upstream import MODEL
from bench.load import CHAT
from bench.processes import resident_bytes, run_daemon, run_server
from bench.report import Figure

SLOTS: Final = 2
DELAY_MS: Final = 60
MAX_WAIT_SECONDS: Final = 3.0
MANY: Final = "sk-of-the-key-with-many-clients"
FEW: Final = "sk-of-the-key-with-few-clients"
CLIENTS: Final = {MANY: 120, FEW: 4}
_SATURATING: Final = {MANY: 2 * SLOTS}
_PAUSE_SECONDS: Final = 0.05
"""How soon a client that was refused comes back: it does not wait for `retry-after`."""

_CONFIG: Final = """\
[http]
api_keys = ["{many}", "{few}"]
{more}
[codex]
model = "none"
[queue]
max_wait_seconds = {wait}
entries = 4000
entries_per_key = 3000
[[upstream]]
name = "bench"
base_url = "http://127.0.0.1:{port}/v1"
max_connections = {slots}
"""


@define
class Outcomes:
    """What the clients of one key got.

    Attributes:
        answered: the latencies of complete answers, in seconds.
        in_time: how many of them came while all clients sent requests.
        refused: the latencies of refusals.
        retry_after: the values of the header of refusals.
        unexpected: the heads of other responses.
    """

    answered: list[float] = Factory(list)
    in_time: int = 0
    refused: list[float] = Factory(list)
    retry_after: list[int] = Factory(list)
    unexpected: list[bytes] = Factory(list)

    @property
    def slowest(self) -> float:
        """The longest latency of all."""
        return max(self.answered + self.refused, default=0.0)


@frozen(kw_only=True)
class Load:
    """What one phase of load has measured.

    Attributes:
        seconds: its duration.
        keys: the outcomes by key.
        probes: the latencies of `/livez` and `/metrics`.
    """

    seconds: float
    keys: dict[str, Outcomes]
    probes: list[float]

    def rate(self, *keys: str) -> float:
        """Return the complete answers per second, of these keys or of all."""
        return sum(self.keys[key].in_time for key in keys or self.keys) / self.seconds


class _Client:
    """One client with a persistent connection, which sends one request after another."""

    def __init__(self, port: int, key: str, outcomes: Outcomes) -> None:
        self._port = port
        self._outcomes = outcomes
        head, _, body = CHAT.request(MODEL, f"delay={DELAY_MS}").partition(b"\r\n\r\n")
        self._request = head + b"\r\nauthorization: Bearer " + key.encode() + b"\r\n\r\n" + body
        self._writer: asyncio.StreamWriter | None = None

    async def run(self, until: float) -> None:
        """Send requests until a time of the loop's clock; the last one is awaited."""
        while time.monotonic() < until:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            answered = await self._ask(self._writer)
            if answered and time.monotonic() < until:
                self._outcomes.in_time += 1
            if not answered:
                await asyncio.sleep(_PAUSE_SECONDS)
        if self._writer is not None:
            self._writer.close()

    async def _ask(self, writer: asyncio.StreamWriter) -> bool:
        started = time.monotonic()
        writer.write(self._request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        body = await self._read_body(head)
        seconds = time.monotonic() - started
        if head.startswith(b"http/1.1 200") and CHAT.end_marker in body and b'"error"' not in body:
            self._outcomes.answered.append(seconds)
            return True
        if head.startswith(b"http/1.1 429"):
            self._outcomes.refused.append(seconds)
            self._outcomes.retry_after.append(int(_header(head, b"retry-after")))
        else:
            self._outcomes.unexpected.append(head + body[:300])
        return False

    async def _read_body(self, head: bytes) -> bytes:
        length = _header(head, b"content-length")
        return await (self._reader.readexactly(int(length)) if length else self._reader.readuntil(b"0\r\n\r\n"))


def _header(head: bytes, name: bytes) -> bytes:
    _, _, rest = head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip()


async def _probe(port: int, until: float) -> list[float]:
    """Request `/livez` and `/metrics` in turn on new connections; return the latencies."""
    latencies = []
    while time.monotonic() < until:
        for path in (b"/livez", b"/metrics"):
            started = time.monotonic()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET %b HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %b\r\nconnection: close\r\n\r\n"
                % (path, FEW.encode())
            )
            response = await reader.read()
            writer.close()
            assert response.startswith(b"HTTP/1.1 200"), response[:200]
            latencies.append(time.monotonic() - started)
        await asyncio.sleep(0.1)
    return latencies


async def _apply(port: int, clients: dict[str, int], seconds: float) -> Load:
    keys = {key: Outcomes() for key in clients}
    until = time.monotonic() + seconds
    running = [_Client(port, key, keys[key]).run(until) for key, number in clients.items() for _ in range(number)]
    probes, *_ = await asyncio.gather(_probe(port, until), *running)
    return Load(seconds=seconds, keys=keys, probes=probes)


def apply_load(port: int, clients: dict[str, int], seconds: float) -> Load:
    """Let so many clients of each key send requests for some time."""
    return asyncio.run(_apply(port, clients, seconds))


@contextmanager
def run_small_daemon(
    state: Path, max_wait_seconds: float = MAX_WAIT_SECONDS, more: str = "", open_files: int = 0
) -> Iterator[tuple[int, int]]:
    """Run a daemon over an upstream with few slots; yield its process id and port.

    Args:
        state: an empty directory.
        max_wait_seconds: how long requests wait at most.
        more: settings of `[http]`.
        open_files: the limit of open files of the daemon, if it is given.
    """
    with run_server("bench.instant_upstream") as (_, upstream):
        config = state / "overload.toml"
        config.write_text(
            _CONFIG.format(many=MANY, few=FEW, wait=max_wait_seconds, port=upstream, slots=SLOTS, more=more)
        )
        with run_daemon(state, "--config", str(config), open_files=open_files) as daemon:
            yield daemon


@frozen(kw_only=True)
class Drill:
    """The result of the drill.

    Attributes:
        before: a load that the upstream can just serve.
        after: the same again, because other processes may take processor time.
        overload: the load of all clients.
        memory_growth: of the daemon, in bytes, during the second half of the overload.
    """

    before: Load
    after: Load
    overload: Load
    memory_growth: int

    @property
    def saturated_rate(self) -> float:
        """The complete answers per second of a load that the upstream can just serve."""
        return min(self.before.rate(), self.after.rate())


def run_drill(state: Path, seconds: float) -> Drill:
    """Saturate a daemon, then overload it for so long."""
    with run_small_daemon(state) as (pid, port):
        saturated = apply_load(port, _SATURATING, seconds / 2)
        apply_load(port, CLIENTS, seconds / 2)
        before = resident_bytes(pid)
        overload = apply_load(port, CLIENTS, seconds)
        growth = resident_bytes(pid) - before
        again = apply_load(port, _SATURATING, seconds / 2)
    return Drill(before=saturated, after=again, overload=overload, memory_growth=growth)


def measure_overload(state: Path, turns: int) -> list[Figure]:
    """Run the drill, for so long that the upstream answers about this many requests."""
    drill = run_drill(state, max(turns * DELAY_MS / 1000 / SLOTS, 3.0))
    load, best = drill.overload, drill.saturated_rate
    few, many = load.keys[FEW], load.keys[MANY]
    return [
        Figure("answers per second of a saturated upstream", f"{best:.1f}"),
        Figure(
            f"the same with {sum(CLIENTS.values())} clients", f"{load.rate():.1f}", "90 %", f"{load.rate() / best:.0%}"
        ),
        Figure(
            f"of them of the key with {CLIENTS[FEW]} clients",
            f"{load.rate(FEW):.1f}",
            "40 %",
            f"{load.rate(FEW) / load.rate():.0%}",
        ),
        Figure(f"median latency of its {CLIENTS[FEW]} clients", f"{statistics.median(few.answered):.2f} s"),
        Figure("longest latency", f"{max(few.slowest, many.slowest):.2f} s", f"{MAX_WAIT_SECONDS:.0f} s"),
        Figure("refused", f"{len(few.refused) + len(many.refused)}"),
        Figure("slowest probe", f"{max(load.probes):.2f} s", "1 s"),
        Figure("growth of memory", f"{drill.memory_growth / 2**20:.1f} MB"),
    ]
