"""The agent profile: Codex with its own prompt and shell, in its workspace, within one HTTP request."""

import signal

from codexd.wire.json import Json, encode
from tests.support import seen
from tests.support.live import CHAT, LiveTestCase, Setup, message
from tests.support.system import descendants, runs, until

ALIAS = """
[[models.alias]]
name = "{name}"
model = "gpt-5.5"
profile = "agent"
workspace = "{{folder}}/workspace"
sandbox = "{sandbox}"
"""
SANDBOXES = {"agent": "danger-full-access", "reader": "read-only"}
KIND = Setup(
    account=True, settings="".join(ALIAS.format(name=name, sandbox=box) for name, box in SANDBOXES.items())
)
MINE: Json = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object"}}}


def run(command: str, then: str = "") -> str:
    """Make the words that have the scripted model run a command in Codex's shell."""
    return f"call: exec_command {encode({'cmd': command}).decode()}" + (then and f"\nthen: {then}")


class AgentTests(LiveTestCase):
    kind = KIND

    def setUp(self) -> None:
        until(lambda: self.daemon.metric("codexd_children_up") == 2, "the plain child and the agents'")

    def test_the_model_has_codex_s_own_prompt_and_shell_and_the_client_s_words_on_top(self) -> None:
        history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "say: hi"}]
        self.assertEqual(self.daemon.say(history, model="agent"), "hi")
        asked = self.daemon.asked
        self.assertEqual(asked["model"], "gpt-5.5")
        texts = seen.texts(asked)
        self.assertIn("You are Codex", texts[0][1])
        self.assertIn(str(self.daemon.folder / "workspace"), "".join(text for _, text in texts))
        self.assertEqual(texts[-2:], [("developer", "Be brief."), ("user", "say: hi")])
        self.assertLessEqual({"exec_command", "apply_patch"}, set(seen.tools(asked)))

    def test_its_command_runs_in_the_workspace_within_one_request(self) -> None:
        answer = self.daemon.say(run("pwd; echo made > note; echo ran-$((40+2))"), model="agent")
        workspace = self.daemon.folder / "workspace"
        self.assertIn("ran-42", answer)
        self.assertIn(str(workspace), answer)
        self.assertEqual((workspace / "note").read_text(), "made\n")

    def test_several_commands_and_their_usage_are_one_answer(self) -> None:
        said = run("echo one", run("echo two", "say: both")).replace("then: call", "then: call")
        answer = self.daemon.chat(said, model="agent")
        self.assertEqual(message(answer)["content"], "both")
        self.assertEqual(answer.json["choices"][0]["finish_reason"], "stop")
        first, *_ = self.daemon.provider.asked(3)
        self.assertGreater(answer.json["usage"]["prompt_tokens"], 2 * len(seen.texts(first)[0][1].split()))

    def test_a_read_only_one_changes_nothing(self) -> None:
        self.daemon.say(run("echo made > forbidden"), model="reader")
        self.assertFalse((self.daemon.folder / "workspace" / "forbidden").exists())

    def test_the_client_s_own_tools_are_called_beside_the_shell(self) -> None:
        said = [{"role": "user", "content": run("echo one", "call: mine {}\nthen: say: all done")}]
        first = message(self.daemon.chat(said, model="agent", tools=[MINE]))
        (call,) = first["tool_calls"]
        self.assertEqual(call["function"]["name"], "mine")
        result = {"role": "tool", "tool_call_id": call["id"], "content": "x"}
        self.assertEqual(self.daemon.say([*said, first, result], model="agent", tools=[MINE]), "all done")

    def test_beside_it_the_plain_models_stay_plain(self) -> None:
        self.daemon.say("say: hi")
        self.assertEqual((seen.tools(self.daemon.asked), len(seen.items(self.daemon.asked))), ({}, 1))

    def test_a_client_that_leaves_stops_the_running_command(self) -> None:
        daemon = self.daemon
        idle = set(descendants(daemon.pid))
        call = daemon.call(CHAT, daemon.question(run("sleep 300"), model="agent"))
        until(lambda: set(descendants(daemon.pid)) - idle, "it runs")
        call.drop()
        until(lambda: set(descendants(daemon.pid)) <= idle, "it is stopped")


class StoppedAgentTests(LiveTestCase):
    kind = KIND

    def test_neither_a_killed_nor_a_stopped_daemon_leaves_a_running_command(self) -> None:
        for sent in (signal.SIGKILL, signal.SIGTERM):
            daemon = self.own().start().await_ready()
            until(lambda daemon=daemon: daemon.metric("codexd_children_up") == 2, "both up")
            idle = set(descendants(daemon.pid))
            daemon.call(CHAT, daemon.question(run("sleep 300; echo"), model="agent"))
            until(lambda daemon=daemon, idle=idle: set(descendants(daemon.pid)) - idle, "it runs")
            processes = [daemon.pid, *descendants(daemon.pid)]
            daemon.end(sent)
            until(lambda left=processes: not any(runs(pid) for pid in left), f"nothing left after {sent}", 20)
