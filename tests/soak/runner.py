"""Runs the soak: clients in threads, faults in turn, a sample every second."""

import time
from collections import Counter
from random import Random
from threading import Event, Lock, Thread
from typing import Final

from attrs import Factory, define

from tests.soak.clients import CLIENTS, KEYS, Client, ClientContext, run_client
from tests.soak.faults import FAULTS, Faults
from tests.soak.samples import MUST_RETURN_TO_ZERO, Sample, take_sample
from tests.soak.verdicts import Verdict
from tests.support.live_daemon import Daemon, DaemonSetup
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess

SETTINGS: Final = """\
[http]
api_keys = [{keys}]
max_buffer_bytes = 262144
pause_seconds = 1
write_timeout_seconds = 2
keepalive_seconds = {changing}

[codex]
model = "scripted"
workers = 2
backoff_initial_seconds = 0.1
restart_limit = 10000

[turns]
idle_seconds = 5
suspend_seconds = 20
affinity_seconds = 20

[responses]
retention_limit = 2000
prune_interval_seconds = 5

[[upstream]]
name = "near"
base_url = "{near}"
prefix = "near/"
idle_seconds = 5
retries = {changing}
breaker_seconds = 1
refresh_seconds = 5

[[models.alias]]
name = "mine"
model = "scripted"
max_output_tokens = 100{changing}000
"""

_REST_SECONDS: Final = 60.0
"""How long what still runs after the last request may take to end."""


@define(kw_only=True)
class SoakResult:
    """What a soak found.

    Attributes:
        counts: how often each client got each outcome, by (client, outcome, detail).
        samples: in order of time.
        left: the gauges that did not return to zero.
        faults: how often each fault was injected.
        log: the daemon's log.
    """

    counts: Counter[tuple[str, str, str]] = Factory(Counter)
    samples: list[Sample] = Factory(list)
    left: dict[str, float] = Factory(dict)
    faults: Counter[str] = Factory(Counter)
    log: str = ""

    @property
    def dishonest(self) -> dict[str, int]:
        """The dishonest ends, by client and what was dishonest."""
        return {f"{who}: {what}": count for (who, how, what), count in self.counts.items() if how == "dishonest"}


class Soak:
    """One soak.

    Args:
        seconds: for how long clients send requests.
        clients: how many send at the same time.
        seed: of all choices.
        fault_seconds: the time between two faults.
    """

    def __init__(self, seconds: float, clients: int, seed: int, fault_seconds: float) -> None:
        self._seconds, self._clients, self._seed, self._fault_seconds = seconds, clients, seed, fault_seconds
        self._over, self._lock = Event(), Lock()
        self._result = SoakResult()

    def run(self) -> SoakResult:
        """Run it and return what it found."""
        near = ProviderProcess()
        keys = ", ".join(f'"{key}"' for key in KEYS)
        settings = SETTINGS.replace("{keys}", keys).replace("{near}", near.url)
        daemon = Daemon(DaemonSetup(settings=settings.replace("{changing}", "1")))
        try:
            daemon.start().await_ready()
            return self._run(daemon, Faults(daemon, near, settings, Random(self._seed)))
        finally:
            self._over.set()
            daemon.discard()
            near.stop()

    def _run(self, daemon: Daemon, faults: Faults) -> SoakResult:
        threads = [Thread(target=self._send, args=(daemon.port, number)) for number in range(self._clients)]
        threads.append(Thread(target=self._inject, args=(faults,)))
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while time.monotonic() - began < self._seconds:
            self._result.samples.append(take_sample(daemon, KEYS[0], time.monotonic() - began))
            time.sleep(1)
        self._over.set()
        for thread in threads:
            thread.join()
        self._result.left = self._await_rest(daemon)
        self._result.samples.append(take_sample(daemon, KEYS[0], time.monotonic() - began))
        self._result.log = daemon.log
        return self._result

    def _send(self, port: int, number: int) -> None:
        random = Random(f"{self._seed} {number}")
        while not self._over.is_set():
            client = random.choice(CLIENTS)
            self._count(client, run_client(client, ClientContext(port, random)))

    def _count(self, client: Client, verdict: Verdict) -> None:
        with self._lock:
            self._result.counts[client.__name__, verdict.outcome, verdict.detail] += 1

    def _inject(self, faults: Faults) -> None:
        number = 0
        while not self._over.wait(self._fault_seconds):
            fault = FAULTS[number % len(FAULTS)]
            fault(faults)
            self._result.faults[fault.__name__] += 1
            number += 1

    def _await_rest(self, daemon: Daemon) -> dict[str, float]:
        def find_left() -> dict[str, float]:
            values = take_sample(daemon, KEYS[0], 0).values
            return {name: values[name] for name in MUST_RETURN_TO_ZERO if values[name]}

        try:
            wait_until(lambda: not find_left(), "all requests are over", _REST_SECONDS)
        except AssertionError:
            return find_left()
        return {}
