"""The commands of an agent cannot use codexd's own files, Codex's login, or another process."""

import os
import shutil
import socket
import subprocess
import sys
from hashlib import sha256
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.json import Json, encode
from tests.support import sandbox_host
from tests.support.live_daemon import CHAT, RESPONSES, TWISTD, Daemon, DaemonSetup, message, shared, user

SANDBOXES = ("read-only", "workspace-write", "danger-full-access")
CLIENT_KEY, UPSTREAM_KEY, ENVIRONMENT_KEY = "sk-client-secret", "sk-upstream-secret", "sk-environment-secret"
OPERATOR_KEY = "sk-operator"
"""The key of the requests: only keys with `agent = true` may use agents."""

STORED = "stored-secret"
ALIAS = """
[[models.alias]]
name = "{0}"
model = "gpt-5.5"
profile = "agent"
workspace = "{{folder}}/workspace"
sandbox = "{0}"
"""
SETTINGS = (
    """
[http]
api_keys_file = "{folder}/keys"
[[upstream]]
name = "other"
base_url = "http://127.0.0.1:9/v1"
key_file = "{folder}/upstream-key"
[[key]]
name = "operator"
sha256 = "KEY_HASH"
agent = true
admin = true
""".replace("KEY_HASH", sha256(OPERATOR_KEY.encode()).hexdigest())
    + "".join(map(ALIAS.format, SANDBOXES))
)
NEWER = ALIAS.format("read-only").replace('"read-only"', '"newer"', 1).replace("gpt-5.5", "gpt-6-astra")
# Without codexd's own profile this line would give every agent the rights of its user.
HOME = 'sandbox_mode = "danger-full-access"\n'
HEADERS = {"authorization": f"Bearer {OPERATOR_KEY}"}
ENVIRONMENT = (("PROVIDER_KEY", ENVIRONMENT_KEY), ("CODEXD_HTTP_API_KEYS", CLIENT_KEY), ("OPENAI_API_KEY", "sk-other"))
SETUP = DaemonSetup(
    account=True, settings=SETTINGS + NEWER, codex=HOME, provider='env_key = "PROVIDER_KEY"\n', environment=ENVIRONMENT
)


class SecretDaemon(Daemon):
    """Has secrets in all its files, and a response of another key in its store."""

    def __init__(self, setup: DaemonSetup) -> None:
        super().__init__(setup)
        self._write("keys", f"{CLIENT_KEY}\n")
        self._write("upstream-key", UPSTREAM_KEY)
        self._write("workspace/image.png", "not an image")

    @property
    def ready(self) -> bool:
        try:
            return b"codexd_children_up 2" in self.get("/metrics", HEADERS).body
        except OSError:
            return False

    def run(self, command: str, model: str) -> str:
        """Run a shell command as the model and return what the model sees of it."""
        return self.call_tool("exec_command", encode({"cmd": command}).decode(), model)

    def call_tool(self, name: str, arguments: str, model: str) -> str:
        answer = self.post(CHAT, {"model": model, "messages": user(f"call: {name} {arguments}")}, HEADERS)
        return str(message(answer)["content"])

    def call_unoffered_tool(self, item: Json, model: str) -> str:
        """Let the provider call a tool that it was not offered, and return what the model sees of it."""
        call = {"id": "item_1", "call_id": "call_1"} | item
        events = (
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": call},
            {"type": "response.completed", "response": {"id": "resp_1"}},
        )
        body = b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encode(event)) for event in events)
        self.provider.set_answers(body, 200, 1)
        return str(message(self.post(CHAT, {"model": model, "messages": user("say: end")}, HEADERS))["content"])


class AgentSecretsTests(SynchronousTestCase):
    skip = sandbox_host.missing()

    @property
    def daemon(self) -> SecretDaemon:
        daemon = shared(SETUP, SecretDaemon)
        assert isinstance(daemon, SecretDaemon)
        return daemon

    def setUp(self) -> None:
        self.daemon.post(RESPONSES, {"model": "gpt-5.5", "input": f"say: {STORED}"}, HEADERS)
        self.folder = self.daemon.folder
        self.secret_files = (
            self.daemon.codex_home / "auth.json",
            self.daemon.codex_home / "config.toml",
            self.folder / "state" / "codexd" / "responses.sqlite3",
            self.folder / "codexd.toml",
            self.folder / "keys",
            self.folder / "upstream-key",
        )
        for file in self.secret_files:
            self.assertTrue(file.exists(), file)

    def check_nothing_shown(self, shown: str, *details: Any) -> None:
        for secret in (CLIENT_KEY, UPSTREAM_KEY, ENVIRONMENT_KEY, STORED, "OPENAI_API_KEY", "requires_openai_auth"):
            self.assertNotIn(secret, shown, (*details, shown))

    def test_commands_cannot_read_the_files(self) -> None:
        files = " ".join(f"'{file}'" for file in self.secret_files)
        for sandbox in SANDBOXES:
            shown = self.daemon.run(f"id; for f in {files}; do cat $f; head -c 99 < $f; cp $f copied; done", sandbox)
            self.assertIn("uid=", shown)
            self.assertEqual(shown.count("Permission denied"), 3 * len(self.secret_files), shown)
            self.check_nothing_shown(shown, sandbox)

    def test_commands_cannot_reach_the_files_through_links(self) -> None:
        file = self.secret_files[0]
        for sandbox in SANDBOXES[1:]:
            shown = self.daemon.run(
                f"ln -sf {file} soft; cat soft; ln {file} hard; cat hard; ln -sf {file.parent} d;"
                f" ls d; cat d/auth.json;"
                f"cat /proc/self/root{file}; cat /proc/self/cwd/../{file.parent.name}/auth.json; echo tried",
                sandbox,
            )
            self.assertIn("tried", shown)
            self.check_nothing_shown(shown, sandbox)

    def test_commands_cannot_change_or_move_the_files(self) -> None:
        before = [file.read_bytes() for file in self.secret_files[:2]]
        for sandbox in SANDBOXES:
            shown = self.daemon.run(
                f"cd {self.folder}; echo x >> codex-home/auth.json; rm -rf codex-home; mv codex-home moved;"
                f"mv state/codexd moved; mv state moved; echo x > state/codexd/x; echo x > codexd.toml; mv keys old;"
                "mkdir state/codexd/codexd; echo tried",
                sandbox,
            )
            self.assertIn("tried", shown)
            self.assertFalse((self.folder / "moved").exists(), shown)
            self.assertFalse((self.folder / "old").exists(), shown)
            self.check_nothing_shown(shown, sandbox)
        self.assertEqual([file.read_bytes() for file in self.secret_files[:2]], before)

    def test_an_agent_with_full_access_still_changes_other_files(self) -> None:
        shown = self.daemon.run("echo hi > note && git init -q . && git config a.b c && cat note", "danger-full-access")
        self.assertIn("hi", shown)
        self.assertEqual((self.folder / "workspace" / "note").read_text(), "hi\n")

    def test_commands_see_no_other_process_and_none_of_its_environment(self) -> None:
        pids = [self.daemon.pid, *self.daemon.children]
        for sandbox in SANDBOXES:
            names = " ".join(f"/proc/{pid}/{name}" for pid in pids for name in ("environ", "mem", "maps", "cmdline"))
            folders = " ".join(f"/proc/{pid}/{name}" for pid in pids for name in ("fd", "root", "cwd"))
            shown = self.daemon.run(
                f"cat {names}; ls -l {folders}; for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ; done;"
                "ls -l /proc/[0-9]*/fd/; env; echo tried",
                sandbox,
            )
            self.assertIn("tried", shown)
            self.assertNotIn("codexd.toml", shown)
            self.check_nothing_shown(shown, sandbox)

    def test_commands_cannot_connect_to_sockets_in_the_state_directory(self) -> None:
        path = self.folder / "state" / "codexd" / "test.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            # The address of a socket has at most 108 bytes.
            folder = os.open(path.parent, os.O_PATH)
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
            os.close(folder)
            listener.listen()
            program = (
                "import os, socket; s = socket.socket(socket.AF_UNIX); "
                f"os.chdir('{self.folder}'); s.connect('state/codexd/{path.name}'); print('conn' + 'ected')"
            )
            for sandbox in SANDBOXES:
                shown = self.daemon.run(f'python3 -c "{program}"; echo tried', sandbox)
                self.assertIn("tried", shown)
                self.assertNotIn("connected", shown)
        path.unlink()

    def test_the_other_tools_of_an_agent_cannot_use_the_files_either(self) -> None:
        file = self.secret_files[0]
        link = self.folder / "workspace" / "image-link.png"
        link.unlink(missing_ok=True)
        link.symlink_to(file)
        before = file.read_bytes()
        for sandbox in SANDBOXES:
            for path in (file, link):
                shown = self.daemon.call_tool("view_image", encode({"path": str(path)}).decode(), sandbox)
                self.assertIn("Permission denied", shown)
            for patch in (
                f"*** Add File: {file.parent}/made\n+x",
                f"*** Update File: {file}\n@@\n-{{\n+x",
                f"*** Delete File: {file}",
                "*** Add File: ../codex-home/made\n+x",
            ):
                shown = self.daemon.call_tool("apply_patch", f"*** Begin Patch\n{patch}\n*** End Patch", sandbox)
                self.assertTrue("rejected" in shown or "denied" in shown or "failed" in shown.lower(), shown)
            shown = self.daemon.call_tool(
                "exec_command",
                encode({"cmd": f"cat {file}", "sandbox_permissions": "require_escalated"}).decode(),
                sandbox,
            )
            self.assertIn("reject", shown)
        self.assertEqual(file.read_bytes(), before)
        self.assertFalse((file.parent / "made").exists())

    def test_an_agent_has_no_sub_agents(self) -> None:
        call = {"type": "function_call", "namespace": "multi_agent_v1", "name": "spawn_agent", "arguments": "{}"}
        self.assertIn("unsupported call", self.daemon.call_unoffered_tool(call, "danger-full-access"))
        # A model whose entry in Codex's catalog has sub-agents, whatever the features are.
        arguments = encode({"task_name": "sub", "message": "say: hi", "fork_turns": "none"}).decode()
        call = {"type": "function_call", "namespace": "collaboration", "name": "spawn_agent", "arguments": arguments}
        self.assertIn("unsupported call", self.daemon.call_unoffered_tool(call, "newer"))

    def test_the_code_of_a_model_with_code_mode_cannot_read_the_files(self) -> None:
        file = self.secret_files[0]
        code = (
            f'text(JSON.stringify(await tools.exec_command({{cmd: "cat {file}; echo tri" + "ed"}})));'
            f'try {{ text(String(await import("fs"))) }} catch (error) {{ text(String(error)) }};'
            f'try {{ text(String(await tools.view_image({{path: "{file}"}}))) }} catch (e) {{ text(String(e)) }}'
        )
        shown = self.daemon.call_unoffered_tool({"type": "custom_tool_call", "name": "exec", "input": code}, "newer")
        self.assertIn("tried", shown)
        self.assertEqual(shown.count("Permission denied"), 2, shown)
        self.assertIn("unsupported import", shown)
        self.check_nothing_shown(shown)

    def test_a_plain_model_cannot_use_tools_that_it_was_not_offered(self) -> None:
        file = self.secret_files[0]
        for name, arguments in (
            ("exec_command", {"cmd": f"cat {file}"}),
            ("shell", {"command": ["cat", str(file)]}),
            ("shell_command", {"command": f"cat {file}"}),
            ("write_stdin", {"session_id": 1, "chars": "x"}),
            ("view_image", {"path": str(file)}),
            ("read_file", {"path": str(file)}),
            ("list_mcp_resources", {}),
            ("spawn_agent", {"message": "x"}),
        ):
            call = {"type": "function_call", "name": name, "arguments": encode(arguments).decode()}
            self.assertIn("unsupported call", self.daemon.call_unoffered_tool(call, "gpt-5.5"), name)
        patch = f"*** Begin Patch\n*** Add File: {file.parent}/made\n+x\n*** End Patch"
        call = {"type": "custom_tool_call", "name": "apply_patch", "input": patch}
        self.assertIn("unsupported custom tool call", self.daemon.call_unoffered_tool(call, "gpt-5.5"))
        self.assertFalse((file.parent / "made").exists())

    def test_a_workspace_is_not_trusted_and_its_settings_of_codex_start_nothing(self) -> None:
        folder, made = self.folder / "workspace" / ".codex", self.folder / "outside"
        folder.mkdir()
        self.addCleanup(shutil.rmtree, folder)
        (folder / "config.toml").write_text(
            f'[mcp_servers.evil]\ncommand = "sh"\nargs = ["-c", "touch {made}"]\n'
            f'[[hooks.SessionStart]]\n[[hooks.SessionStart.hooks]]\ntype = "command"\ncommand = "touch {made}"\n'
        )
        for sandbox in SANDBOXES:
            self.daemon.run("true", sandbox)
            self.daemon.call_tool("apply_patch", "*** Begin Patch\n*** Add File: made\n+x\n*** End Patch", sandbox)
        self.assertFalse(made.exists())
        self.assertNotIn("projects", self.secret_files[1].read_text())

    def test_git_settings_of_a_workspace_run_no_program_outside_of_the_sandbox(self) -> None:
        script, made = self.folder / "workspace" / "hook.sh", self.folder / "workspace" / "outside"
        for sandbox in SANDBOXES[1:]:
            self.daemon.run(
                f"printf '#!/bin/sh\\ncat {self.secret_files[0]} && touch {made}\\n' > {script}; chmod +x {script};"
                f"git init -q .; git config core.fsmonitor {script}; git config diff.external {script};"
                f"git config core.pager {script}; git add hook.sh; mkdir -p .codex; cp .git/config .codex/config.toml",
                sandbox,
            )
            self.daemon.call_tool("apply_patch", "*** Begin Patch\n*** Add File: made\n+x\n*** End Patch", sandbox)
            self.daemon.run("rm -f made", sandbox)
            self.assertFalse(made.exists(), sandbox)


class UnconfinedTests(SynchronousTestCase):
    skip = sandbox_host.missing()

    def test_without_namespaces_codexd_does_not_start_and_says_why(self) -> None:
        daemon = Daemon(DaemonSetup(account=True, settings=ALIAS.format("read-only")))
        self.addCleanup(daemon.discard)
        # In a user namespace of its own, root can forbid further ones.
        prepare = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
        flags = ("--config", str(daemon.folder / "codexd.toml"), "--codex-home", str(daemon.codex_home))
        for program in ((sys.executable, "-m", "codexd.command", "check-config"), (str(TWISTD), "-n", "codexd")):
            run = subprocess.run(
                ("unshare", "--user", "--map-root-user", "sh", "-c", prepare, "sh", *program, *flags),
                env=daemon._environment(), capture_output=True, check=False, timeout=60, cwd=daemon.folder,
            )  # fmt: skip
            self.assertEqual(run.returncode, 1)
            self.assertIn(
                b"models.alias 'read-only': the commands of an agent cannot be confined", run.stdout + run.stderr
            )
            self.assertIn(b"namespace", run.stdout + run.stderr)
