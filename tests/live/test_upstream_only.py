"""A daemon with upstreams and without an installed Codex."""

import signal
from itertools import islice

from codexd.wire.json import decode
from tests.support.http_client import free_port
from tests.support.live_daemon import CHAT, Daemon, DaemonSetup, LiveTestCase, user
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess

_SETTINGS = """\
[codex]
model = "none"
binary = "/nonexistent/codex"

[[upstream]]
name = "only"
base_url = "http://127.0.0.1:{port}/v1"
retries = 0
breaker_failures = 2
breaker_seconds = 1.5
refresh_seconds = 0.2
"""
UP = 'codexd_upstream_up{upstream="only"}'


class UpstreamOnlyTests(LiveTestCase):
    def setUp(self) -> None:
        self.port = free_port()
        self.upstream = self.provide()

    def provide(self) -> ProviderProcess:
        provider = ProviderProcess(self.port)
        self.addCleanup(provider.stop)
        return provider

    def made(self) -> Daemon:
        return self.new_daemon(DaemonSetup(settings=_SETTINGS.replace("{port}", str(self.port)))).start().await_ready()

    def test_it_answers_and_survives_a_restart_of_its_upstream(self) -> None:
        daemon = self.made()
        self.assertEqual(daemon.chat_text("say: no Codex here"), "no Codex here")
        self.assertEqual((daemon.children, daemon.get("/v1/models").json["data"][0]["id"]), ([], "scripted"))

        self.check_killed_upstream(daemon)
        statuses = [(a.status, a.json["error"]["code"]) for a in (daemon.chat("say: x") for _ in range(2))]
        self.assertEqual(statuses, [(503, "unreachable")] * 2)
        self.assertEqual((daemon.get("/readyz").status, daemon.metric(UP)), (503, 0))
        self.assertEqual([model["id"] for model in daemon.get("/v1/models").json["data"]], ["scripted"])

        self.upstream = self.provide()
        wait_until(lambda: daemon.ready, "it may be tried again")
        self.assertEqual(daemon.chat_text("say: back"), "back")
        self.assertEqual((daemon.metric(UP), "Traceback" in daemon.log), (1, False))

    def check_killed_upstream(self, daemon: Daemon) -> None:
        """Kill the upstream during an answer: the stream ends with one error."""
        call = daemon.call(CHAT, {"model": "scripted", "messages": user("slow: 400"), "stream": True})
        frames = call.frames()
        self.assertEqual(len(list(islice(frames, 3))), 3)
        self.upstream.end(signal.SIGKILL)
        rest = [frame.data for frame in frames]
        errors = [decode(data)["error"]["code"] for data in rest if b'"error"' in data]
        self.assertEqual((errors, b'"error"' in rest[-1], b"[DONE]" in rest), (["stream_cut"], True, False))
