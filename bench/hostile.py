"""Measure the longest hold of the reactor, and the memory, over hostile requests and hostile answers of models."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection

from attrs import frozen

from bench import codex
from bench.instant_upstream import MODEL
from bench.processes import ROOT, run_probed_daemon, run_scripted_model, run_server
from bench.report import Figure, hold_figure, memory_figure
from bench.upstream import upstream_config
from codexd.wire import json
from tests.support.hostile_bodies import CHAT, COMPLETIONS, RESPONSES, HostileBody, hostile_bodies
from tests.support.hostile_streams import STREAMS

_TARGET = "50 ms"
_WORST = 6
_TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


@frozen
class Hold:
    """How long the reactor was held at most during one request, in CPU seconds of the daemon, and its answer."""

    name: str
    seconds: float
    status: int


@frozen
class ProbedDaemon:
    """A daemon with a probe in its reactor."""

    port: int
    probe_port: int

    def report(self) -> dict[str, float]:
        """Return the figures since the last report (`bench.probe`)."""
        data = b""
        with create_connection(("127.0.0.1", self.probe_port)) as connection:
            while received := connection.recv(4096):
                data += received
        report: dict[str, float] = json.decode(data)
        return report

    def measure(self, name: str, path: str, body: bytes, encoding: str = "") -> Hold:
        """Send a request, read its whole response, and return the hold."""
        self.report()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"content-type": "application/json"} | ({"content-encoding": encoding} if encoding else {})
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        response.read()
        connection.close()
        return Hold(f"{path.removeprefix('/v1/')}: {name}", self.report()["cpu_seconds"], response.status)


def measure_hostile(state: Path, turns: int) -> list[Figure]:
    """Measure the daemon with an upstream, then with Codex."""
    figures = []
    for title, run in (("upstream", run_with_upstream), ("Codex", run_with_codex)):
        with run(state) as (daemon, model):
            before = daemon.report()["peak_bytes"]
            holds = [measure_body(daemon, body) for body in hostile_bodies(model)]
            if title == "upstream":
                holds += measure_streams(daemon, model)
            growth = daemon.report()["peak_bytes"] - before
        figures += [*_worst(title, holds), memory_figure(f"{title}: growth of the peak memory", int(growth), "300 MB")]
    return figures


def measure_body(daemon: ProbedDaemon, body: HostileBody) -> Hold:
    """Measure one body of the corpus."""
    return daemon.measure(body.name, body.path, body.build(), body.encoding)


def measure_streams(daemon: ProbedDaemon, model: str, names: Iterable[str] = tuple(STREAMS)) -> Iterator[Hold]:
    """Measure hostile streams at every endpoint, streamed and not."""
    for name in names:
        for stream in (True, False):
            for path, members in _endpoints(f"hostile: {name}"):
                body = json.encode({"model": model, "stream": stream, **members})
                yield daemon.measure(f"answer {name}{', streamed' if stream else ''}", path, body)


def _endpoints(text: str) -> Iterable[tuple[str, dict[str, json.Json]]]:
    nested = {"type": "function", "function": {"name": "f"}}
    yield CHAT, {"messages": [{"role": "user", "content": text}], "tools": [nested]}
    yield RESPONSES, {"input": text, "tools": [_TOOL]}
    yield COMPLETIONS, {"prompt": text}


def _worst(title: str, holds: list[Hold]) -> list[Figure]:
    failed = [hold.name for hold in holds if hold.status == 500]
    if failed:
        raise SystemExit(f"a request was answered with 500: {failed}")
    worst = sorted(holds, key=lambda hold: -hold.seconds)[:_WORST]
    return [hold_figure(f"{title}, {hold.name}"[:76], hold.seconds, _TARGET) for hold in worst]


@contextmanager
def run_with_upstream(state: Path) -> Iterator[tuple[ProbedDaemon, str]]:
    """Run a daemon with the hostile upstream; yield it and the name of a model."""
    with run_server("bench.hostile_upstream") as (_, port):
        # Otherwise the daemon would soon stop sending requests to a server whose answers fail.
        options = upstream_config(state, port, "retries = 0", "breaker_failures = 1_000_000")
        with run_probed_daemon(state, *options) as ports:
            yield ProbedDaemon(*ports), MODEL


@contextmanager
def run_with_codex(state: Path) -> Iterator[tuple[ProbedDaemon, str]]:
    """Run a daemon with an app-server that answers at once; yield it and the name of a model."""
    options = ("--codex", str(ROOT / "bench" / "instant-codex"))
    with (
        run_scripted_model() as url,
        run_probed_daemon(state, *options, "--codex-home", codex.build_home(state, url)) as ports,
    ):
        yield ProbedDaemon(*ports), codex.MODEL
