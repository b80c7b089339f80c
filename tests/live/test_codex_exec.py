"""Codex as a client: `codex exec` uses codexd as its provider, which runs its own Codex."""

import os
import subprocess
from pathlib import Path

from codex_cli_bin import bundled_codex_path

from tests.support.live_daemon import LiveTestCase
from tests.support.processes import TIMEOUT_SECONDS

CONFIG = """\
model = "{model}"
model_provider = "codexd"
[model_providers.codexd]
name = "codexd"
base_url = "{url}"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


class CodexExecTests(LiveTestCase):
    def run_codex(self, prompt: str, *flags: str) -> "subprocess.CompletedProcess[str]":
        """Run `codex exec` to its end, with codexd as the provider of its home."""
        home = self.daemon.folder / "client-home"
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(CONFIG.format(model=self.daemon.model, url=self.daemon.url))
        command = (
            str(bundled_codex_path()), "exec", "--skip-git-repo-check",
            "--sandbox", "danger-full-access", *flags, prompt,
        )  # fmt: skip
        return subprocess.run(
            command,
            env={"CODEX_HOME": str(home), "HOME": str(home), "PATH": os.environ["PATH"]},
            cwd=self.daemon.folder / "workspace",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    def last_message(self, prompt: str) -> str:
        """Run it and return its last message."""
        last: Path = self.daemon.folder / "last-message"
        run = self.run_codex(prompt, "--output-last-message", str(last))
        self.assertEqual(run.returncode, 0, run.stderr)
        return last.read_text()

    def test_the_answer_is_complete(self) -> None:
        self.assertEqual(self.last_message("say: hello codex, 1|100 ☃"), "hello codex, 1|100 ☃")

    def test_reasoning_before_the_answer_is_accepted(self) -> None:
        self.assertEqual(self.last_message("thinking: let me see\nsay: seen"), "seen")

    def test_a_call_runs_in_its_shell_and_the_model_receives_the_result(self) -> None:
        answer = self.last_message('call: exec_command {"cmd":"echo tool-ran-$((40+2))"}')
        self.assertIn("tool said:", answer)
        self.assertIn("tool-ran-42", answer)

    def test_several_rounds_of_calls_are_one_conversation(self) -> None:
        first, second = (f'call: exec_command {{"cmd":"echo round-{number}"}}' for number in (1, 2))
        resumed = self.daemon.metric("codexd_turn_resumed_total")
        self.assertEqual(self.last_message(f"{first}\nthen: {second}\nthen: say: both ran"), "both ran")
        self.assertEqual(self.daemon.metric("codexd_turn_resumed_total"), resumed + 2)

    def test_a_failure_is_reported(self) -> None:
        run = self.run_codex("fail: 400")
        self.assertEqual(run.returncode, 1)
        self.assertIn("The script requested status 400.", run.stderr + run.stdout)
