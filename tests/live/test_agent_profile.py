"""The agent profile: Codex with its own prompt and shell, in its workspace, within one HTTP request."""

import signal

from codexd.wire.json import Json, encode
from tests.support import provider_requests, sandbox_host
from tests.support.live_daemon import CHAT, DaemonSetup, LiveTestCase, message
from tests.support.processes import descendants, is_running, wait_until

ALIAS = """
[[models.alias]]
name = "{name}"
model = "gpt-5.5"
profile = "agent"
workspace = "{{folder}}/workspace"
sandbox = "{sandbox}"
"""
SANDBOXES = {"agent": "danger-full-access", "reader": "read-only"}
SETUP = DaemonSetup(
    account=True, settings="".join(ALIAS.format(name=name, sandbox=box) for name, box in SANDBOXES.items())
)
MINE: Json = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object"}}}


def run(command: str, then: str = "") -> str:
    """Build a prompt that makes the scripted model run a command in Codex's shell."""
    return f"call: exec_command {encode({'cmd': command}).decode()}" + (then and f"\nthen: {then}")


class AgentTests(LiveTestCase):
    skip = sandbox_host.missing()
    daemon_setup = SETUP

    def setUp(self) -> None:
        wait_until(lambda: self.daemon.metric("codexd_children_up") == 2, "the plain child and the agents'")

    def test_the_model_receives_codex_s_prompt_and_shell_and_the_client_s_instructions(self) -> None:
        history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "say: hi"}]
        self.assertEqual(self.daemon.chat_text(history, model="agent"), "hi")
        asked = self.daemon.last_provider_request
        self.assertEqual(asked["model"], "gpt-5.5")
        texts = provider_requests.texts(asked)
        self.assertIn("You are Codex", texts[0][1])
        self.assertIn(str(self.daemon.folder / "workspace"), "".join(text for _, text in texts))
        self.assertEqual(texts[-2:], [("developer", "Be brief."), ("user", "say: hi")])
        self.assertLessEqual({"exec_command", "apply_patch"}, set(provider_requests.tools(asked)))

    def test_a_command_runs_in_the_workspace_within_one_request(self) -> None:
        answer = self.daemon.chat_text(run("pwd; echo made > note; echo ran-$((40+2))"), model="agent")
        workspace = self.daemon.folder / "workspace"
        self.assertIn("ran-42", answer)
        self.assertIn(str(workspace), answer)
        self.assertEqual((workspace / "note").read_text(), "made\n")

    def test_several_commands_give_one_answer_with_their_total_usage(self) -> None:
        said = run("echo one", run("echo two", "say: both")).replace("then: call", "then: call")
        answer = self.daemon.chat(said, model="agent")
        self.assertEqual(message(answer)["content"], "both")
        self.assertEqual(answer.json["choices"][0]["finish_reason"], "stop")
        first, *_ = self.daemon.provider.asked(3)
        self.assertGreater(answer.json["usage"]["prompt_tokens"], 2 * len(provider_requests.texts(first)[0][1].split()))

    def test_a_read_only_agent_changes_nothing(self) -> None:
        self.daemon.chat_text(run("echo made > forbidden"), model="reader")
        self.assertFalse((self.daemon.folder / "workspace" / "forbidden").exists())

    def test_the_client_s_own_tools_are_called_beside_the_shell(self) -> None:
        said = [{"role": "user", "content": run("echo one", "call: mine {}\nthen: say: all done")}]
        first = message(self.daemon.chat(said, model="agent", tools=[MINE]))
        (call,) = first["tool_calls"]
        self.assertEqual(call["function"]["name"], "mine")
        result = {"role": "tool", "tool_call_id": call["id"], "content": "x"}
        self.assertEqual(self.daemon.chat_text([*said, first, result], model="agent", tools=[MINE]), "all done")

    def test_plain_models_stay_plain_beside_an_agent(self) -> None:
        self.daemon.chat_text("say: hi")
        self.assertEqual(
            (
                provider_requests.tools(self.daemon.last_provider_request),
                len(provider_requests.items(self.daemon.last_provider_request)),
            ),
            ({}, 1),
        )

    def test_a_disconnect_stops_the_running_command(self) -> None:
        daemon = self.daemon
        idle = set(descendants(daemon.pid))
        call = daemon.call(CHAT, daemon.chat_body(run("sleep 300"), model="agent"))
        wait_until(lambda: set(descendants(daemon.pid)) - idle, "it runs")
        call.disconnect()
        wait_until(lambda: set(descendants(daemon.pid)) <= idle, "it is stopped")


class AgentShutdownTests(LiveTestCase):
    skip = sandbox_host.missing()
    daemon_setup = SETUP

    def test_no_command_outlives_a_killed_or_stopped_daemon(self) -> None:
        for sent in (signal.SIGKILL, signal.SIGTERM):
            daemon = self.new_daemon().start().await_ready()
            wait_until(lambda daemon=daemon: daemon.metric("codexd_children_up") == 2, "both up")
            idle = set(descendants(daemon.pid))
            daemon.call(CHAT, daemon.chat_body(run("sleep 300; echo"), model="agent"))
            wait_until(lambda daemon=daemon, idle=idle: set(descendants(daemon.pid)) - idle, "it runs")
            processes = [daemon.pid, *descendants(daemon.pid)]
            daemon.end(sent)
            wait_until(
                lambda left=processes: not any(is_running(pid) for pid in left),
                f"nothing left after {sent}",
                20,
            )
