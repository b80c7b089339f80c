"""`codexd trace` and the trace buffer against a real daemon, over Codex and over an upstream."""

import atexit
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from codexd.transcripts import archive
from codexd.wire import json
from tests.parity import FIXTURES
from tests.support.live_daemon import CHAT, DaemonSetup, LiveTestCase, user
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.processes import TIMEOUT_SECONDS, wait_until
from tests.support.provider_process import ProviderProcess

KEY = "key-0123456789abcdef"
PROMPT = "say: one two three four"
SETTINGS = """\
[http]
api_keys = ["{key}"]

[trace]
enabled = true

[otel]
endpoint = "{collector}"

[[upstream]]
name = "near"
base_url = "{url}"
prefix = "near/"
"""


@cache
def build_setup() -> DaemonSetup:
    """Start the upstream, which runs as long as the tests do."""
    provider = ProviderProcess()
    atexit.register(provider.stop)
    values = {"key": KEY, "url": provider.url, "collector": build_collector().url}
    return DaemonSetup(
        settings=SETTINGS.format(**values),
        flags=("--model", "scripted"),
        environment=(("OTEL_BSP_SCHEDULE_DELAY", "100"),),
    )


@cache
def build_collector() -> OtlpReceiver:
    """Start the collector."""
    return OtlpReceiver()


class TracingTests(LiveTestCase):
    @property
    def daemon_setup(self) -> DaemonSetup:  # type: ignore[override]
        return build_setup()

    def setUp(self) -> None:
        # The daemon is ready as soon as its upstream is.
        wait_until(self.serves_codex, "Codex")

    def serves_codex(self) -> bool:
        listed = self.daemon.get("/v1/models", {"authorization": f"Bearer {KEY}"})
        return "scripted" in {model["id"] for model in listed.json["data"]}

    @property
    def directory(self) -> Path:
        return self.daemon.folder / "state" / "codexd" / "trace-buffer"

    def ask(self, id: str, model: str = "scripted", **more: str) -> None:
        """Send a streamed request and read all of its response."""
        headers = {"authorization": f"Bearer {KEY}", "x-request-id": id, **more}
        answer = self.daemon.post(CHAT, {"model": model, "stream": True, "messages": user(PROMPT)}, headers)
        self.assertTrue(answer.body.endswith(b"data: [DONE]\n\n"), answer.body)

    def await_file(self, id: str) -> Path:
        def find() -> list[Path]:
            return list(self.directory.glob(f"*-{id}.json"))

        wait_until(find, f"the trace of {id}")
        return find()[0]

    def read_trace(self, id: str) -> Any:
        return json.decode(self.await_file(id).read_bytes())

    def run_command(self, *argv: str, status: int = 0) -> str:
        environment = {"HOME": str(self.daemon.folder / "home"), "XDG_STATE_HOME": str(self.daemon.folder / "state")}
        environment["OPENAI_API_KEY"] = KEY
        run = subprocess.run(
            (sys.executable, "-m", "codexd.command", *argv),
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment,
        )  # fmt: skip
        self.assertEqual(run.returncode, status, run.stderr)
        return run.stdout + run.stderr

    def test_a_request_over_codex_is_explained_and_traced(self) -> None:
        self.ask("req_codex")
        explained = self.run_command("trace", "req_codex")
        for words in ("rpc thread/start ok", "rpc turn/start ok", "backend codex", "event text x", "event ended stop"):
            self.assertIn(words, explained)
        self.assertNotIn("three", explained)
        trace = self.read_trace("req_codex")
        channels = {message["channel"] for message in trace["messages"]}
        self.assertEqual(channels, {"to_codex", "from_codex", "to_client"})
        self.assertIn(PROMPT, trace["request"]["text"])
        shown = self.run_command("trace", "req_codex", "--bodies")
        self.assertIn('"method":"thread/start"', shown)
        self.assertIn("data: [DONE]", shown)
        self.assertIn("authorization: ***", shown.lower())

    def test_a_request_over_an_upstream_is_explained_and_traced(self) -> None:
        self.ask("req_upstream", model="near/scripted")
        explained = self.run_command("trace", "req_upstream")
        self.assertIn("upstream near", explained)
        messages = self.read_trace("req_upstream")["messages"]
        sent, head = messages[0], messages[1]
        self.assertEqual((sent["channel"], sent["label"]), ("to_upstream", "POST chat/completions"))
        self.assertEqual((head["channel"], head["label"]), ("from_upstream", "200"))
        self.assertIn(PROMPT, sent["text"])

    def test_the_spans_of_a_sampled_request_reach_the_collector(self) -> None:
        trace_id, parent = "ab" * 16, "cd" * 8
        self.ask("req_unsampled", model="near/scripted", traceparent=f"00-{'ef' * 16}-{parent}-00")
        self.ask("req_sampled", model="near/scripted", traceparent=f"00-{trace_id}-{parent}-01")
        wait_until(lambda: "upstream near" in build_collector().find(trace_id), "spans")
        spans = build_collector().find(trace_id)
        root, upstream = spans["POST /v1/chat/completions"], spans["upstream near"]
        self.assertEqual((root.parent_span_id.hex(), upstream.parent_span_id), (parent, root.span_id))
        attributes = {one.key: one.value for one in root.attributes}
        self.assertEqual(attributes["gen_ai.request.model"].string_value, "near/scripted")
        self.assertEqual(attributes["http.response.status_code"].int_value, 200)
        self.assertLess(root.start_time_unix_nano, upstream.start_time_unix_nano)
        self.assertGreaterEqual(root.end_time_unix_nano, upstream.end_time_unix_nano)
        self.assertNotIn(b"three", b"".join(span.SerializeToString() for span in spans.values()))
        self.assertEqual(build_collector().find("ef" * 16), {})

    def test_the_files_are_private_and_have_no_keys(self) -> None:
        self.ask("req_private")
        file = self.await_file("req_private")
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)
        self.assertNotIn(KEY, file.read_text())

    def test_the_daemon_warns_and_all_files_can_be_deleted(self) -> None:
        self.ask("req_purged")
        self.await_file("req_purged")
        self.assertIn("the trace buffer records prompts", self.daemon.log)
        config = f"--config={self.daemon.folder / 'codexd.toml'}"
        self.assertIn("# warning: trace.enabled", self.run_command("check-config", config, "--model", "scripted"))
        self.assertIn("deleted", self.run_command("trace", "--purge", config))
        self.assertEqual(list(self.directory.iterdir()), [])
        self.assertIn("has no trace of", self.run_command("trace", "req_purged", "--bodies", config, status=1))

    def test_a_trace_is_replayed_and_becomes_a_scenario_as_the_golden_one(self) -> None:
        golden = archive.decode((FIXTURES / "codex/chat/text-streamed.txt").read_bytes())
        body = json.decode(golden["request.1.json"])["body"]
        answer = self.daemon.post(CHAT, body, {"authorization": f"Bearer {KEY}"})
        file = self.await_file(answer.headers["x-request-id"])
        made = self.daemon.folder / "made.txt"
        made.unlink(missing_ok=True)
        self.run_command("replay", str(file), "--scenario", str(made))
        sections = archive.decode(made.read_bytes())
        for name in ("request.1.json", "response.1.http"):
            self.assertEqual(sections[name].decode(), golden[name].decode())
        url = self.daemon.url.removesuffix("/v1")
        self.assertIn("The answers are equal", self.run_command("replay", str(file), "--url", url))

    def test_the_last_requests_are_listed(self) -> None:
        self.ask("req_listed")
        self.assertIn("req_listed POST /v1/chat/completions 200 ok", self.run_command("trace", "--limit", "5"))
        self.assertIn("No request with this id", self.run_command("trace", "req_unknown", status=1))
