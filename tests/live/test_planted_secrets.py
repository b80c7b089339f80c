"""Secrets of every kind under a mixed load with faults, and where they must not appear."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.json import Json, encode
from tests.support.faulty_upstream import FaultyUpstream
from tests.support.http_client import HttpResponse, request
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup
from tests.support.processes import children, wait_until

KEYS = {
    "client": "sk-plant-client-4a1c",
    "file": "sk-plant-file-77b0",
    "upstream": "sk-plant-upstream-90fe",
    "provider": "sk-plant-provider-31ad",
    "environment": "sk-plant-environment-5c2e",
    "wrong": "sk-plant-wrong-0b6d",
    "path": "sk-plant-path-e8a2",
    "query": "sk-plant-query-c93f",
}
CONTENTS = {
    name: f"plant-{name}-{number:04x}"
    for number, name in enumerate(
        ("prompt", "instructions", "result", "arguments", "output", "image", "metadata", "file", "content", "user",
         "body", "reasoning", "schema", "upstream", "header", "deleted", "conversation", "embedding"), 0xA100,
    )
}  # fmt: skip
SETTINGS = """
[http]
api_keys_file = "{folder}/keys"
[log]
level = "debug"
format = "FORMAT"
[codex]
backoff_initial_seconds = 0.1
breaker_failures = 1000000
[turns]
retry_initial_seconds = 0.01
[[upstream]]
name = "other"
base_url = "URL"
key_file = "{folder}/upstream-key"
prefix = "other/"
pass_unlisted = true
retry_initial_seconds = 0.01
retry_max_seconds = 0.02
pass_through = ["moderations"]
"""
AUTHORIZED = {"authorization": f"Bearer {KEYS['client']}"}
TOOL: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "title": CONTENTS["schema"]}}


class PlantedDaemon(Daemon):
    """Has secrets in its environment and its files, and a temporary directory of its own."""

    def __init__(self, log_format: str, upstream: str) -> None:
        settings = SETTINGS.replace("FORMAT", log_format).replace("URL", upstream)
        super().__init__(
            DaemonSetup(
                account=True,
                settings=settings,
                provider='env_key = "PROVIDER_KEY"\n',
                environment=(
                    ("CODEXD_HTTP_API_KEYS", KEYS["client"]),
                    ("PROVIDER_KEY", KEYS["provider"]),
                    ("OPENAI_API_KEY", KEYS["environment"]),
                    ("TMPDIR", "{folder}/tmp"),
                ),
            )
        )
        (self.folder / "tmp").mkdir()
        for name, key in (("keys", "file"), ("upstream-key", "upstream")):
            self._write(name, KEYS[key])
            (self.folder / name).chmod(0o600)

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {"TMPDIR": str(self.folder / "tmp")}

    @property
    def ready(self) -> bool:
        try:
            return b"codexd_children_up 1" in self.get("/metrics", AUTHORIZED).body
        except OSError:
            return False

    def load(self) -> list[bytes]:
        """Send the mixed load; return the bodies of the responses that must contain no secret."""
        for send in (self._responses, self._chats, self._failures, self._killed_child):
            send()
        return [answer.body for answer in self._unrelated()]

    def _ask(self, path: str, body: Json, **headers: str) -> HttpResponse:
        return self.post(path, body, AUTHORIZED | headers)

    def _responses(self) -> None:
        c = CONTENTS
        items: list[Json] = [
            {"role": "user", "content": [
                {"type": "input_text", "text": c["prompt"]},
                {"type": "input_file", "filename": f"{c['file']}.txt", "file_data": _data(c["content"])},
            ]},
            {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": encode(
                {"x": c["arguments"]}).decode()},
            {"type": "function_call_output", "call_id": "call_1", "output": c["result"]},
            {"role": "user", "content": f"thinking: {c['reasoning']}\nsay: {c['output']}"},
        ]  # fmt: skip
        body = {
            "model": self.model, "input": items, "instructions": c["instructions"], "tools": [TOOL],
            "metadata": {"m": c["metadata"]}, "user": c["user"], "safety_identifier": c["user"],
        }  # fmt: skip
        for more in ({}, {"stream": True}, {"store": False}, {"background": True}):
            assert self._ask(RESPONSES, body | more).status == 200
        deleted = self._ask(RESPONSES, {"model": self.model, "input": f"say: {c['deleted']}"}).json["id"]
        assert c["deleted"].encode() in self.database
        assert request(self.port, "DELETE", f"{RESPONSES}/{deleted}", headers=AUTHORIZED).status == 200
        conversation = self._ask("/v1/conversations", {"items": [{"role": "user", "content": c["conversation"]}]})
        assert conversation.status == 200
        path = f"/v1/conversations/{conversation.json['id']}"
        assert request(self.port, "DELETE", path, headers=AUTHORIZED).status == 200

    def _chats(self) -> None:
        c = CONTENTS
        for model in (self.model, "other/other"):
            for more in ({}, {"stream": True}, {"unknown_field": c["body"]}):
                messages = [{"role": "system", "content": c["instructions"]}, {"role": "user", "content": c["prompt"]}]
                self._ask(CHAT, {"model": model, "messages": messages, "metadata": {"m": c["metadata"]}} | more)
            image = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:9/{c['image']}.png"}}
            self._ask(CHAT, {"model": model, "messages": [{"role": "user", "content": [image]}]})
        self._ask("/v1/completions", {"model": self.model, "prompt": c["prompt"]})
        self._ask("/v1/embeddings", {"model": "other/embedder", "input": c["embedding"]})
        self._ask("/v1/moderations", {"model": "other/other", "input": c["prompt"]})

    def _failures(self) -> None:
        c = CONTENTS
        for verb in ("fail: 400", "fail: 401", "fail: 429", "fail: 500", "fail: server_error", f"cut: {c['output']}",
                     f"garble: {c['output']}", f"incomplete: content_filter {c['output']}"):  # fmt: skip
            for stream in (False, True):
                messages = [{"role": "user", "content": c["prompt"]}, {"role": "user", "content": verb}]
                self._ask(CHAT, {"model": self.model, "messages": messages, "stream": stream})
        for model in ("other/status-400", "other/status-500", "other/torn", "other/status-401"):
            self._ask(CHAT, {"model": model, "messages": [{"role": "user", "content": c["upstream"]}]})
        bad: tuple[Json, ...] = (
            f'{{"model": "{c["body"]}'.encode(), c["body"].encode(), f'{{"{c["body"]}": }}'.encode(),
            {"model": self.model, "messages": c["body"]}, {"model": self.model, "messages": [{"role": c["body"]}]},
            {"model": self.model, "messages": [{"role": "user", "content": [{"type": c["body"]}]}]},
            {"model": self.model, "messages": [{"role": "user", "content": "x"}], "temperature": c["body"]},
        )  # fmt: skip
        for body in bad:
            for path in (CHAT, RESPONSES, "/v1/completions", "/v1/embeddings", "/v1/conversations"):
                self._ask(path, body)
        self._ask(CHAT, b"\x1f\x8b" + c["body"].encode(), **{"content-encoding": "gzip"})
        for path in (f"/v1/{KEYS['path']}/x", f"/{KEYS['path']}/v1/models", f"/v1/models?key={KEYS['query']}",
                     f"/v1/nothing?key={KEYS['query']}", f"/v1/engines/{KEYS['path']}/completions",
                     f"/v1/responses/{KEYS['path']}", f"/v1/responses/resp_x?after={KEYS['query']}"):  # fmt: skip
            for headers in (AUTHORIZED, {"authorization": f"Bearer {KEYS['wrong']}"}, {"x-api-key": KEYS["wrong"]}, {}):
                self.get(path, {"x-note": c["header"], "user-agent": c["header"], "cookie": c["header"]} | headers)
                request(self.port, "PUT", path, b"{}", headers)

    def _killed_child(self) -> None:
        (child,) = self.children
        call = [{"role": "user", "content": CONTENTS["prompt"]}, {"role": "user", "content": "slow: 400"}]
        pid = os.fork()
        if pid == 0:
            try:
                self._ask(CHAT, {"model": self.model, "messages": call})
            finally:
                os._exit(0)
        wait_until(lambda: self.provider.open, "it runs")
        os.kill(child, signal.SIGKILL)
        os.waitpid(pid, 0)
        wait_until(lambda: self.ready and self.children != [child], "restarted")

    def _unrelated(self) -> Iterator[HttpResponse]:
        yield self.get("/metrics", AUTHORIZED)
        yield self.get("/v1/models", AUTHORIZED)
        yield self.get("/")
        yield self.get("/healthz")
        yield self.get("/v1/nothing", AUTHORIZED)
        yield self._ask(CHAT, {"model": self.model, "messages": [{"role": "user", "content": "fail: 500"}]})
        yield self._ask(CHAT, {"model": self.model, "messages": [{"role": "user", "content": "say: hi"}]})
        yield self._ask(CHAT, {})
        yield self._ask(RESPONSES, {"model": "gone", "input": "x"})

    @property
    def database(self) -> bytes:
        """The bytes of the store's files."""
        return b"".join(file.read_bytes() for file in sorted((self.folder / "state" / "codexd").glob("responses*")))


class PlantedSecretsTests(SynchronousTestCase):
    def check_absent(self, secrets: dict[str, str], place: str, content: bytes) -> None:
        found = [name for name, secret in secrets.items() if secret.encode() in content]
        lines = [line[:300] for line in content.splitlines() if any(secrets[name].encode() in line for name in found)]
        self.assertEqual(found, [], f"in {place}: {lines[:3]}")

    def run_planted(self, log_format: str, umask: int, check: Callable[[PlantedDaemon], None]) -> None:
        upstream = FaultyUpstream()
        self.addCleanup(upstream.stop)
        old = os.umask(umask)
        try:
            daemon = PlantedDaemon(log_format, upstream.url)
            self.addCleanup(daemon.discard)
            daemon.start().await_ready()
            everything = KEYS | CONTENTS
            for body in daemon.load():
                self.check_absent(everything, "the body of another response", body)
            check(daemon)
            self.check_processes(daemon)
            daemon.end(signal.SIGTERM)
        finally:
            os.umask(old)
        self.check_absent(everything, f"the {log_format} log", daemon.log.encode())
        self.check_files(daemon)

    def check_processes(self, daemon: PlantedDaemon) -> None:
        foreign = {name: key for name, key in KEYS.items() if name != "provider"}
        for pid in (daemon.pid, *children(daemon.pid)):
            self.check_absent(KEYS | CONTENTS, "a command line", Path(f"/proc/{pid}/cmdline").read_bytes())
            limits = Path(f"/proc/{pid}/limits").read_text()
            (core,) = (line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size"))
            self.assertEqual(core, ["0", "0"])
        for pid in children(daemon.pid):
            self.check_absent(foreign, "a child's environment", Path(f"/proc/{pid}/environ").read_bytes())

    def check_files(self, daemon: PlantedDaemon) -> None:
        self.check_absent(KEYS | {"deleted": CONTENTS["deleted"]}, "the store", daemon.database)
        self.check_absent({"conversation": CONTENTS["conversation"]}, "the store", daemon.database)
        self.assertIn(CONTENTS["output"].encode(), daemon.database)
        given = {"codexd.toml", "keys", "upstream-key", "log", "auth.json", "config.toml"}
        for file in sorted(daemon.folder.rglob("*")):
            if file.is_file() and file.name not in given and not file.name.startswith("responses.sqlite3"):
                self.check_absent(KEYS | CONTENTS, str(file), file.read_bytes())
        self.assertEqual(list(daemon.folder.rglob("core*")), [])

    def check_modes(self, daemon: PlantedDaemon) -> None:
        """Only the daemon's user can use what codexd has written."""
        state = daemon.folder / "state" / "codexd"
        for file in (state, *state.rglob("*")):
            if file.exists() and not file.is_symlink():
                self.assertEqual(stat.S_IMODE(file.stat().st_mode) & 0o077, 0, file)

    def check_printed(self, daemon: PlantedDaemon) -> None:
        command = [
            sys.executable, "-m", "codexd.command", "check-config", "--config", str(daemon.folder / "codexd.toml"),
            "--codex-home", str(daemon.codex_home),
        ]  # fmt: skip
        run = subprocess.run(command, env=daemon._environment(), capture_output=True, check=True)
        self.check_absent(KEYS | CONTENTS, "check-config", run.stdout + run.stderr)

    def test_the_text_log_the_files_and_the_processes_contain_no_secret(self) -> None:
        def check(daemon: PlantedDaemon) -> None:
            self.check_modes(daemon)
            self.check_printed(daemon)

        self.run_planted("text", 0o022, check)

    def test_the_json_log_contains_none_and_the_files_are_private_whatever_the_umask_is(self) -> None:
        self.run_planted("json", 0o000, self.check_modes)


def _data(text: str) -> str:
    from base64 import b64encode

    return f"data:text/plain;base64,{b64encode(text.encode()).decode()}"
