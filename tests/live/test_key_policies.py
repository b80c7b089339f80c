"""API keys with limits, over real sockets: the SDK's view, budgets over restarts, and rotation."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai

from tests.support.http_client import PendingRequest
from tests.support.live_daemon import CHAT, Daemon, DaemonSetup, LiveTestCase, user
from tests.support.processes import TIMEOUT_SECONDS, wait_until

SETTINGS = '[keys]\nfile = "{folder}/keys.toml"\n'


def entry(name: str, *lines: str) -> str:
    digest = sha256(f"sk-{name}".encode()).hexdigest()
    return "\n".join(("[[key]]", f'name = "{name}"', f'sha256 = "{digest}"', *lines, ""))


class KeyPolicyTestCase(LiveTestCase):
    daemon_setup = DaemonSetup(settings=SETTINGS)

    def start(self, *keys: str) -> Daemon:
        """Start a daemon with these keys."""
        self.server = self.new_daemon()
        self.keys_file.write_text("\n".join(keys), encoding="utf-8")
        return self.server.start().await_ready()

    @property
    def keys_file(self) -> Path:
        return self.server.folder / "keys.toml"

    def client(self, key: str = "sk-alice", retries: int = 0) -> openai.OpenAI:
        return self.server.client(key).with_options(max_retries=retries)

    def ask(self, client: openai.OpenAI, text: str = "say: hello") -> Any:
        return client.chat.completions.create(model=self.server.model, messages=user(text))

    def command(self, *argv: str) -> str:
        """Run `codexd keys` as an operator does, and return what it prints."""
        return self.run_codexd("keys", *argv).stdout.strip()

    def reload(self) -> "subprocess.CompletedProcess[str]":
        """Let the daemon read its settings and keys again."""
        return self.run_codexd("reload")

    def run_codexd(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        folder = self.server.folder
        return subprocess.run(
            (sys.executable, "-m", "codexd.command", *argv, f"--config={folder / 'codexd.toml'}"),
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
            env={"HOME": str(folder / "home"), "XDG_STATE_HOME": str(folder / "state")},
        )  # fmt: skip


class LimitTests(KeyPolicyTestCase):
    def test_the_sdk_retries_when_the_limit_allows_it_and_reads_the_headers(self) -> None:
        self.start(entry("alice", "requests_per_minute = 30", "tokens_per_minute = 100000"), entry("bob"))
        raw = self.client().chat.completions.with_raw_response.create(
            model=self.server.model, messages=user("say: hello")
        )
        self.assertEqual(raw.headers["x-ratelimit-limit-requests"], "30")
        self.assertEqual(raw.headers["x-ratelimit-limit-tokens"], "100000")
        usage = raw.parse().usage
        assert usage is not None
        left = int(raw.headers["x-ratelimit-remaining-tokens"])
        self.assertIn(left, range(100_000 - usage.total_tokens, 100_001))
        key = {"authorization": "Bearer sk-alice"}
        statuses = [self.server.get("/v1/responses/resp_1", key).status for _ in range(35)]
        self.assertIn(429, statuses)
        error = self.assertRaises(openai.RateLimitError, self.ask, self.client())
        self.assertEqual((error.type, error.code), ("requests", "rate_limit_exceeded"))
        self.assertIn(error.response.headers["retry-after"], ("1", "2"))
        began = time.monotonic()
        self.assertEqual(self.ask(self.client(retries=2)).choices[0].message.content, "hello")
        self.assertGreater(time.monotonic() - began, 0.5)
        self.assertEqual(self.ask(self.client("sk-bob")).choices[0].message.content, "hello")

    def test_a_stream_that_is_dropped_counts_as_far_as_it_came(self) -> None:
        self.start(entry("alice", "tokens_per_day = 100000"), entry("root", "admin = true"))
        with self.client().chat.completions.create(
            model=self.server.model, messages=user("repeat: 2000 word\npause: 60"), stream=True
        ) as stream:
            next(iter(stream))
        name = 'codexd_key_tokens_total{key="alice",kind="input"}'
        wait_until(lambda: self.sample(name) > 0, "the dropped stream is counted")

    def test_turns_beyond_those_at_once_wait_until_a_reload_allows_more(self) -> None:
        root = entry("root", "admin = true")
        self.start(entry("alice", "concurrent_turns = 1", "tokens_per_day = 1000000"), entry("bob"), root)
        running, waiting = "codexd_turns_running", 'codexd_queue_length{backend="codex"}'
        streams = [self.stream("stall: one") for _ in range(2)]
        wait_until(lambda: (self.sample(running), self.sample(waiting)) == (1, 1), "one runs and one waits")
        self.assertEqual(self.ask(self.client("sk-bob")).choices[0].message.content, "hello")
        self.keys_file.write_text("\n".join((entry("alice", "concurrent_turns = 2"), root)), encoding="utf-8")
        self.assertEqual(self.reload().returncode, 0)
        wait_until(lambda: (self.sample(running), self.sample(waiting)) == (2, 0), "both run")
        for stream in streams:
            stream.disconnect()

    def test_a_turn_that_waits_costs_nothing(self) -> None:
        self.start(entry("alice", "concurrent_turns = 1"), entry("root", "admin = true"))
        waiting = 'codexd_queue_length{backend="codex"}'
        running = self.stream("stall: one")
        queued = self.stream("say: " + "x" * 40_000)
        wait_until(lambda: self.sample(waiting) == 1, "one waits")
        queued.disconnect()
        wait_until(lambda: self.sample(waiting) == 0, "it has left")
        running.disconnect()
        name = 'codexd_key_tokens_total{key="alice",kind="input"}'
        wait_until(lambda: self.sample(name) > 0, "the one that ran is counted")
        self.assertLess(self.sample(name), 5000)

    def test_what_a_key_stores_is_limited(self) -> None:
        self.start(entry("alice", "stored_bytes = 6000"), entry("bob"))
        stored = [self.respond(number) for number in range(8)]
        retrieve = self.client().responses.retrieve
        wait_until(lambda: self.missing(stored[0].id), "the oldest is deleted")
        self.assertEqual(retrieve(stored[-1].id).output_text, "7")
        large = {"model": self.server.model, "input": "say: " + "x" * 7000}
        refused = self.assertRaises(openai.BadRequestError, self.client().responses.create, **large)
        self.assertEqual(refused.code, "storage_limit_exceeded")
        self.assertEqual(self.client("sk-bob").responses.create(**large).status, "completed")

    def respond(self, number: int) -> Any:
        return self.client().responses.create(model=self.server.model, input=f"say: {number}")

    def missing(self, id: str) -> bool:
        return self.server.get(f"/v1/responses/{id}", {"authorization": "Bearer sk-alice"}).status == 404

    def stream(self, text: str) -> PendingRequest:
        """Begin a stream of alice."""
        body = self.server.chat_body(text, stream=True)
        return self.server.call(CHAT, body, {"authorization": "Bearer sk-alice"})

    def sample(self, name: str) -> float:
        text = self.server.get("/metrics", {"authorization": "Bearer sk-root"}).body.decode()
        found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)]
        return float(found[0]) if found else 0.0

    def test_permissions_are_403_in_the_sdk(self) -> None:
        self.start(entry("alice", 'endpoints = ["responses"]', 'models = ["none-*"]'))
        for call in (self.client().models.list, lambda: self.ask(self.client())):
            self.assertRaises(openai.PermissionDeniedError, call)
        denied = self.assertRaises(
            openai.PermissionDeniedError, self.client().responses.create, model=self.server.model, input="say: x"
        )
        self.assertEqual((denied.code, denied.param), ("insufficient_permissions", "model"))
        self.assertRaises(openai.AuthenticationError, self.client("sk-wrong").models.list)
        self.assertEqual(self.server.post(CHAT, {}).status, 401)
        self.assertEqual(self.server.get("/v1/nothing").status, 401)


class BudgetTests(KeyPolicyTestCase):
    def saved(self) -> int:
        """Return the tokens of the day in the database."""
        (path,) = (self.server.folder / "state").rglob("responses.sqlite3")
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT tokens FROM key_usage WHERE key = 'alice' AND length(period) = 10")
            return sum(tokens for (tokens,) in rows)

    def assert_exhausted(self) -> None:
        error = self.assertRaises(openai.RateLimitError, self.ask, self.client(retries=2))
        self.assertEqual(error.code, "insufficient_quota")
        self.assertEqual(error.response.headers["x-should-retry"], "false")

    def test_a_budget_is_used_up_also_after_a_restart_and_a_kill(self) -> None:
        self.start(entry("alice", "tokens_per_day = 2"), entry("bob", "tokens_per_day = 100000"))
        usage = self.ask(self.client()).usage
        self.assert_exhausted()
        wait_until(lambda: self.saved() == usage.total_tokens, "the budget is saved")
        for sent in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            self.server.end(sent)
            self.server.start().await_ready()
            self.assert_exhausted()
            self.assertEqual(self.ask(self.client("sk-bob", retries=2)).choices[0].message.content, "hello")
        self.assertEqual(self.saved(), usage.total_tokens)

    def test_an_orderly_stop_loses_nothing(self) -> None:
        self.start(entry("alice", "tokens_per_day = 2"))
        usage = self.ask(self.client()).usage
        self.server.end(signal.SIGTERM)
        self.assertEqual(self.saved(), usage.total_tokens)


class RotationTests(KeyPolicyTestCase):
    def test_a_rotated_key_keeps_its_history(self) -> None:
        self.start()
        old = self.command("add", "alice")
        self.reload()
        first = self.client(old).responses.create(model=self.server.model, input="say: one")
        new = self.command("rotate", "alice", "--grace", "1h")
        self.reload()
        for key in (new, old):
            self.assertEqual(self.client(key).responses.retrieve(first.id).output_text, "one")
        more = self.client(new).responses.create(
            model=self.server.model, input="say: two", previous_response_id=first.id
        )
        self.assertEqual(more.output_text, "two")
        newest = self.command("rotate", "alice")
        self.reload()
        for key in (old, new):
            self.assertRaises(openai.AuthenticationError, self.client(key).responses.retrieve, first.id)
        self.assertEqual(self.client(newest).responses.retrieve(more.id).output_text, "two")
        self.server.await_log("principal=alice")
        for key in (old, new, newest):
            self.assertNotIn(key, self.server.log)
            self.assertNotIn(key, self.keys_file.read_text(encoding="utf-8"))

    def test_a_running_stream_survives_the_revocation_of_its_key(self) -> None:
        self.start(entry("alice"), entry("bob"))
        with self.client().chat.completions.create(
            model=self.server.model, messages=user("say: one\npause: 2\nsay: two"), stream=True
        ) as stream:
            chunks = iter(stream)
            next(chunks)
            self.command("revoke", "alice")
            self.reload()
            self.assertEqual(self.status("sk-alice"), 401)
            rest = list(chunks)
        self.assertEqual(rest[-1].choices[0].finish_reason, "stop")

    def test_a_broken_file_changes_nothing_and_is_named_in_the_log(self) -> None:
        self.start(entry("alice"))
        self.keys_file.write_text(entry("bob", 'tokens_per_day = "many"'), encoding="utf-8")
        refused = self.reload()
        self.assertEqual(refused.returncode, 1)
        self.assertIn("key 'bob'.tokens_per_day: must be a whole number, not text", refused.stderr + refused.stdout)
        self.assertEqual(self.status("sk-alice"), 200)
        self.server.end(signal.SIGTERM)
        self.server.start()
        self.assertNotEqual(self.server.end(), 0)
        self.server.await_log("key 'bob'.tokens_per_day: must be a whole number, not text")

    def status(self, key: str) -> int:
        return self.server.get("/v1/models", {"authorization": f"Bearer {key}"}).status
