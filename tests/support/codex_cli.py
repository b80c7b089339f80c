"""Runs the pinned Codex binary as a client (`codex exec`), in a home of its own.

It reaches codexd as a custom provider, perhaps with a command that prints its key, or by `openai_base_url`, with an API
key or a login. Only with a login it compresses its requests; only with a login or a command it asks for the list of
models. The login is invented, and never leaves this machine.
"""

import base64
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, Literal

from attrs import define, field
from codex_cli_bin import bundled_codex_path

from codexd.wire import json
from tests.support.processes import TIMEOUT_SECONDS, start
from tests.support.provider_process import ROOT

Access = Literal["provider", "command", "api_key", "login"]

_PROVIDER: Final = """\
model_provider = "codexd"
[model_providers.codexd]
name = "codexd"
base_url = "{url}"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""
_COMMAND: Final = """\
[model_providers.codexd.auth]
command = "/bin/echo"
args = ["sk-none"]
"""
_BASE_URL: Final = """\
openai_base_url = "{url}"
chatgpt_base_url = "{url}/none"
"""
_CONFIG: Final = """\
model = "{model}"
model_reasoning_summary = "auto"
show_raw_agent_reasoning = true
{access}
[mcp_servers.tiny]
command = "{python}"
args = ["-m", "tests.support.mcp_server", "{home}/mcp-calls"]
cwd = "{root}"
default_tools_approval_mode = "approve"
"""
_ACCESS: Final[dict[Access, str]] = {
    "provider": _PROVIDER,
    "command": _PROVIDER + _COMMAND,
    "api_key": _BASE_URL,
    "login": _BASE_URL,
}


@define
class CodexRun:
    """The outcome of one run.

    Attributes:
        status: the exit status.
        events: its output with `--json`.
        messages: standard error.
        answer: the last message; empty if there is none.
    """

    status: int
    events: list[Any]
    messages: str
    answer: str

    def items(self, kind: str) -> list[Any]:
        """Return the completed items of a type."""
        items = (event["item"] for event in self.events if event["type"] == "item.completed")
        return [item for item in items if item["type"] == kind]


@define(kw_only=True)
class CodexCli:
    """A home of the client, and an empty folder in which it works.

    Attributes:
        model: the model that it requests.
        url: the base URL of codexd.
        access: how it reaches codexd.
    """

    model: str
    url: str
    access: Access
    _folder: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Write the configuration."""
        self._folder = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="cli-"))
        for folder in (self.home, self.workspace):
            folder.mkdir()
        access = _ACCESS[self.access].format(url=self.url)
        config = _CONFIG.format(model=self.model, access=access, python=sys.executable, home=self.home, root=ROOT)
        (self.home / "config.toml").write_text(config)
        if self.access == "login":
            (self.home / "auth.json").write_bytes(json.encode(_build_login()))

    @property
    def home(self) -> Path:
        """Its CODEX_HOME."""
        return self._folder / "home"

    @property
    def workspace(self) -> Path:
        """The folder in which it works."""
        return self._folder / "workspace"

    @property
    def mcp_calls(self) -> list[Any]:
        """The calls that its MCP server has received."""
        log = self.home / "mcp-calls"
        return [json.decode(line) for line in log.read_bytes().splitlines()] if log.exists() else []

    @property
    def history(self) -> list[Any]:
        """The items of its sessions, as it will send them again."""
        logs = (log.read_bytes().splitlines() for log in sorted(self.home.glob("sessions/**/*.jsonl")))
        lines = [json.decode(line) for lines in logs for line in lines]
        return [line["payload"] for line in lines if line["type"] == "response_item"]

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start `codex exec` with these arguments."""
        last = str(self._folder / "last-message")
        command = (
            str(bundled_codex_path()), "exec", "--skip-git-repo-check", "--json", "--output-last-message", last,
            "--sandbox", "danger-full-access", *arguments,
        )  # fmt: skip
        environment = {"CODEX_HOME": str(self.home), "HOME": str(self.home), "PATH": os.environ["PATH"]}
        if self.access == "api_key":
            environment["CODEX_API_KEY"] = "sk-none"
        return start(
            command, env=environment, cwd=self.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str) -> CodexRun:
        """Run `codex exec` with these arguments to its end."""
        return self.finish(self.start(*arguments))

    def finish(self, process: "subprocess.Popen[bytes]") -> CodexRun:
        """Wait until a started run ends."""
        output, messages = process.communicate(timeout=TIMEOUT_SECONDS)
        last = self._folder / "last-message"
        answer = last.read_text() if last.exists() else ""
        last.unlink(missing_ok=True)
        lines = [line for line in output.splitlines() if line.startswith(b"{")]
        return CodexRun(process.returncode, [json.decode(line) for line in lines], messages.decode(), answer)


def _build_login() -> Any:
    """Build a login with tokens that no one has signed."""
    account = {"chatgpt_account_id": "none", "chatgpt_plan_type": "pro", "chatgpt_user_id": "none"}
    claims = {"email": "a@example.org", "exp": int(time.time()) + 86_400, "https://api.openai.com/auth": account}
    token = ".".join((_part({"alg": "none"}), _part(claims), "none"))
    tokens = {"id_token": token, "access_token": token, "refresh_token": "none", "account_id": "none"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": now}


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.encode(value)).rstrip(b"=").decode()
