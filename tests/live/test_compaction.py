"""Compaction with the real binary: the `openai` package, and Codex's own compaction with codexd as its provider."""

import os
import subprocess

from codex_cli_bin import bundled_codex_path

from codexd.wire import json
from tests.support.live_daemon import DaemonSetup, LiveTestCase
from tests.support.live_responses import StoredResponsesTestCase
from tests.support.live_upstreams import NEAR, UpstreamTestCase
from tests.support.processes import TIMEOUT_SECONDS

INTRODUCTION = "The earlier part of this conversation was replaced by this summary of it:"
LONG = "filler " * 900


class SdkTests(StoredResponsesTestCase):
    def test_a_compacted_history_is_continued(self) -> None:
        said = [{"role": "user", "content": "say: one"}, {"role": "assistant", "content": "one"}]
        compacted = self.client.responses.compact(model=self.daemon.model, input=said)
        self.assertEqual([item.type for item in compacted.output], ["message", "compaction"])
        self.assertGreater(compacted.usage.output_tokens, 0)
        history = [item.to_dict() for item in compacted.output]
        answered = self.ask([*history, {"role": "user", "content": "say: two"}])
        self.assertEqual(answered.output_text, "two")
        roles, texts = zip(*self.shown, strict=True)
        self.assertEqual((roles, texts[0], texts[2]), (("user",) * 3, "say: one", "say: two"))
        self.assertTrue(texts[1].startswith(INTRODUCTION), texts[1])

    def test_a_stored_history_is_compacted_and_continued_by_its_id(self) -> None:
        first = self.ask(LONG)
        limit = [{"type": "compaction", "compact_threshold": 1000}]
        second = self.continue_response(first, "say: second", context_management=limit)
        self.assertEqual([item.type for item in second.output], ["compaction", "message"])
        self.assertEqual(second.output_text, "second")
        third = self.continue_response(second, "say: third")
        self.assertEqual(third.output_text, "third")
        texts = [text for _, text in self.shown]
        self.assertTrue(texts[0].startswith(INTRODUCTION))
        self.assertEqual(texts[1:], ["second", "say: third"])


class UpstreamTests(UpstreamTestCase):
    def test_a_compaction_is_a_message_of_the_next_request(self) -> None:
        client = self.daemon.client()
        compacted = client.responses.compact(model=NEAR, input="say: one")
        history = [item.to_dict() for item in compacted.output]
        answered = client.responses.create(model=NEAR, input=[*history, {"role": "user", "content": "say: two"}])
        self.assertEqual(answered.output_text, "two")
        shown = [message["content"] for message in self.upstream_request["messages"]]
        self.assertTrue(any(INTRODUCTION in str(text) for text in shown), shown)

    def test_a_compaction_of_another_server_is_refused(self) -> None:
        item = {"type": "compaction", "encrypted_content": "gAAAA"}
        refused = self.daemon.post("/v1/responses", {"model": NEAR, "input": [item]})
        self.assertEqual((refused.status, refused.json["error"]["param"]), (400, "input"))


class CodexCliTests(LiveTestCase):
    """Codex compacts a history that exceeds its limit before its next turn."""

    daemon_setup = DaemonSetup(settings='[[models.alias]]\nname = "gpt-5.5"\nmodel = "scripted"\n')

    def compact(self, provider: str) -> list[str]:
        """Run one turn and resume it, with a limit that the first exceeds; return what both printed."""
        home = self.daemon.folder / "client-home"
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(f'model = "gpt-5.5"\nmodel_auto_compact_token_limit = 500\n{provider}')
        (home / "auth.json").write_bytes(json.encode({"OPENAI_API_KEY": "none"}))
        return [self.run_codex("say: first"), self.run_codex("say: second", "resume", "--last")]

    def run_codex(self, prompt: str, *command: str) -> str:
        home = self.daemon.folder / "client-home"
        run = subprocess.run(
            (str(bundled_codex_path()), "exec", *command, "--skip-git-repo-check", prompt),
            env={"CODEX_HOME": str(home), "HOME": str(home), "PATH": os.environ["PATH"]},
            cwd=self.daemon.folder / "workspace",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout + run.stderr

    def check(self, provider: str) -> None:
        first, second = self.compact(provider)
        self.assertIn("first", first)
        self.assertIn("context compacted", second)
        self.assertIn("second", second)

    def test_its_remote_compaction_is_answered(self) -> None:
        self.check(f'openai_base_url = "{self.daemon.url}"\n')

    def test_its_local_compaction_is_answered(self) -> None:
        provider = f'name = "codexd"\nbase_url = "{self.daemon.url}"\nwire_api = "responses"\n'
        self.check(f'model_provider = "codexd"\n[model_providers.codexd]\n{provider}')
