"""Hostile requests and hostile answers of models, through real sockets: none holds the reactor for long.

The limit is relative to the time that this machine needs to decode the largest history that is allowed. It is CPU time
of the daemon, which the load of the machine hardly changes. `make bench ARGS=hostile` also sends larger bodies.
"""

import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.hostile import Hold, ProbedDaemon, measure_body, measure_streams, run_with_codex, run_with_upstream
from codexd.fronts import chat
from codexd.fronts.dialect import RequestOptions
from tests.support.hostile_bodies import CHAT, HostileBody, hostile_bodies

_SHARE = 4
_LARGE = ("an image of 60 MB", "64 MB of empty lists")
_PEAK_BYTES = 300 * 10**6
_STREAMS = ("blocks-open", "blocks-calls", "calls", "fragments-bare", "lists", "arguments-deep", "state-deep", "halves")


def decode_seconds() -> float:
    """Return the CPU seconds of decoding a history of as many messages as allowed, outside of a daemon."""
    (body,) = (one for one in hostile_bodies("m") if one.path == CHAT and one.name == "as many messages as allowed")
    data, spent = body.build(), []
    for _ in range(3):
        start = time.thread_time()
        chat.decode(data, RequestOptions(principal="p"))
        spent.append(time.thread_time() - start)
    return min(spent)


class HostileInputTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp()).absolute()
        self.state.mkdir()
        self.limit = _SHARE * decode_seconds()

    def assert_short(self, hold: Hold) -> None:
        self.assertNotEqual(hold.status, 500, hold.name)
        self.assertLess(hold.seconds, self.limit, hold.name)

    def assert_bodies(self, daemon: ProbedDaemon, model: str) -> None:
        before = daemon.report()["peak_bytes"]
        for body in hostile_bodies(model):
            if body.name not in _LARGE:
                self.assert_answer(measure_body(daemon, body), body)
        self.assertLess(daemon.report()["peak_bytes"] - before, _PEAK_BYTES)

    def assert_answer(self, hold: Hold, body: HostileBody) -> None:
        self.assert_short(hold)
        if body.accepted:
            self.assertEqual(hold.status, 200, hold.name)

    def test_hostile_requests_to_codex(self) -> None:
        with run_with_codex(self.state) as (daemon, model):
            self.assert_bodies(daemon, model)

    def test_hostile_requests_to_an_upstream_and_its_hostile_answers(self) -> None:
        with run_with_upstream(self.state) as (daemon, model):
            self.assert_bodies(daemon, model)
            for hold in measure_streams(daemon, model, _STREAMS):
                self.assert_short(hold)
                self.assertNotEqual(hold.status, 503, hold.name)
