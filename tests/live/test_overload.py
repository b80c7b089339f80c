"""A daemon with more clients, connections and waiting requests than it can serve, over real sockets."""

import socket
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from bench.load import CHAT
from bench.overload import CLIENTS, DELAY_MS, FEW, MANY, MAX_WAIT_SECONDS, Drill, run_drill, run_small_daemon
from bench.processes import ROOT, cpu_seconds
from tests.support.http_client import request
from tests.support.metric_samples import find_sample
from tests.support.processes import wait_until

SECONDS = 4.0
"""The duration of the overload; `make bench ARGS=overload` runs a longer one."""

SLACK_SECONDS = 1.0
"""What a busy machine may add to any latency."""

WAITING = 2000

ATTEMPTS = 3


class OverloadTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        (ROOT / "build").mkdir(exist_ok=True)
        folder = TemporaryDirectory(dir=ROOT / "build", prefix="overload-")
        self.addCleanup(folder.cleanup)
        self.state = Path(folder.name)
        self.connections: list[socket.socket] = []
        self.addCleanup(self.close_all)

    def connect(self, port: int, number: int, sent: bytes = b"") -> None:
        """Open connections and send the same bytes on each."""
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            self.connections.append(connection)
            connection.sendall(sent)

    def close_all(self) -> None:
        while self.connections:
            self.connections.pop().close()

    def probe(self, port: int) -> bool:
        """Return whether a new connection gets an answer from `/livez`."""
        try:
            return request(port, "GET", "/livez").status == 200
        except OSError:
            return False


def metrics(port: int) -> bytes:
    return request(port, "GET", "/metrics", headers={"authorization": f"Bearer {FEW}"}).body


class LoadTests(OverloadTestCase):
    def test_the_back_end_is_used_fully_and_fairly_and_nobody_waits_beyond_the_deadline(self) -> None:
        # Other tests run on the machine meanwhile: one drill of three that they do not disturb is enough.
        for _ in range(ATTEMPTS):
            drill = run_drill(self.state, SECONDS)
            few, many = drill.overload.keys[FEW], drill.overload.keys[MANY]
            self.assertEqual(few.unexpected + many.unexpected, [])
            self.assertEqual(few.refused, [])
            self.assertTrue(all(1 <= seconds <= 60 for seconds in many.retry_after))
            self.assertLess(drill.memory_growth, 32 * 2**20)
            problems = find_problems(drill)
            if not problems:
                return
        self.fail(", ".join(problems))


def find_problems(drill: Drill) -> list[str]:
    """Return what is wrong with the rates and latencies of a drill."""
    load, saturated = drill.overload, drill.saturated_rate
    if not load.rate():
        return ["no answer was in time"]
    late = MAX_WAIT_SECONDS + DELAY_MS / 1000 + SLACK_SECONDS
    shares = {key: load.rate(key) / load.rate() for key in CLIENTS}
    slowest, probe = max(load.keys[key].slowest for key in CLIENTS), max(load.probes)
    checks = (
        (load.rate() > 0.9 * saturated, f"{load.rate():.1f}/s of {saturated:.1f}/s"),
        (all(0.4 < share < 0.6 for share in shares.values()), f"shares {shares}"),
        (slowest < late, f"a request took {slowest:.1f} s"),
        (probe < SLACK_SECONDS, f"a probe took {probe:.1f} s"),
    )
    return [problem for holds, problem in checks if not holds]


class WaitingConnectionTests(OverloadTestCase):
    def test_probes_and_metrics_answer_while_thousands_of_requests_wait(self) -> None:
        asked = CHAT.request("instant", "delay=60000")
        asked = asked.replace(b"\r\n", b"\r\nauthorization: Bearer " + MANY.encode() + b"\r\n", 1)
        with run_small_daemon(self.state, 60.0) as (_, port):
            self.connect(port, WAITING, asked)
            length = 'codexd_queue_length{backend="bench"}'
            wait_until(lambda: (find_sample(metrics(port), length) or 0) >= WAITING - 10, "all wait")
            for _ in range(5):
                started = time.monotonic()
                self.assertTrue(self.probe(port))
                self.assertIn(b"codexd_queue_wait_seconds", metrics(port))
                self.assertLess(time.monotonic() - started, SLACK_SECONDS)
            self.close_all()
            wait_until(lambda: find_sample(metrics(port), length) == 0, "none waits")
            cancelled = find_sample(metrics(port), 'codexd_queued_total{backend="bench",outcome="cancelled"}')
            self.assertGreater(cancelled or 0, WAITING - 20)


class FloodTests(OverloadTestCase):
    def test_idle_connections_do_not_lock_out_probes(self) -> None:
        with run_small_daemon(self.state, open_files=200) as (_, port):
            self.connect(port, 400)
            wait_until(lambda: self.probe(port), "probes are answered")
            self.assertGreater(find_sample(metrics(port), "codexd_connection_closed_idle_total") or 0, 0)

    def test_without_file_descriptors_the_daemon_does_not_spin_and_recovers(self) -> None:
        with run_small_daemon(self.state, more="max_connections = 5000", open_files=100) as (pid, port):
            self.connect(port, 400)
            before = cpu_seconds(pid)
            time.sleep(1.0)
            self.assertLess(cpu_seconds(pid) - before, 0.5)
            self.close_all()
            wait_until(lambda: self.probe(port), "probes are answered")
