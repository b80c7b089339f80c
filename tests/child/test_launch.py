"""The command and environment of a child, and its model catalog."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.permission_profile import ProtectedFiles, build_default_profile
from codexd.child import launch
from codexd.child.launch import CATALOG_SECONDS, LaunchConfig, prepare_catalog, run_command
from codexd.child.process import ProcessCommand
from codexd.policy.provider_models import ProviderModels
from codexd.settings import Codex
from codexd.wire import json
from tests.support.in_memory_codex import FakeCodexReactor

ENVIRON = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "LC_ALL": "C.UTF-8",
    "https_proxy": "http://proxy",
    "OPENAI_API_KEY": "sk-secret",
    "AWS_SECRET": "secret",
    "CODEX_HOME": "/elsewhere",
    "MY_OWN": "value",
}


def config(state: Path = Path("/state"), provider: str | None = None, **codex: Any) -> LaunchConfig:
    return LaunchConfig(
        binary=Path("/opt/codex"),
        home=Path("/home/codex"),
        state=state,
        environ=ENVIRON,
        codex=Codex(**codex),
        provider=provider,
    )


def flags(command: ProcessCommand) -> list[str]:
    """Return the values of the `-c` flags."""
    words = command.arguments
    return [word for flag, word in pairwise(words) if flag == "-c"]


class CommandTests(SynchronousTestCase):
    def test_the_environment_has_no_secrets(self) -> None:
        self.assertEqual(
            config().command(None).environment,
            {
                "PATH": "/bin",
                "HOME": "/home/me",
                "LC_ALL": "C.UTF-8",
                "https_proxy": "http://proxy",
                "CODEX_HOME": "/home/codex",
            },
        )

    def test_variables_named_in_the_settings_are_passed(self) -> None:
        environment = config(pass_environment=("MY_OWN", "NOT_SET")).command(None).environment
        self.assertEqual(environment["MY_OWN"], "value")
        self.assertNotIn("NOT_SET", environment)

    def test_the_variables_of_the_configured_provider_are_passed(self) -> None:
        made = evolve(config(), provider_environment=("MY_OWN", "NOT_SET")).command(None).environment
        self.assertEqual((made["MY_OWN"], "NOT_SET" in made), ("value", False))

    def test_the_app_server_runs_in_the_empty_workspace(self) -> None:
        command = config().command(None)
        self.assertEqual(command.directory, "/state/workspace")
        words = (command.executable, *command.arguments)
        self.assertEqual(words[words.index("/opt/codex") + 1], "app-server")

    def test_it_runs_in_a_session_of_its_own_if_setsid_exists(self) -> None:
        self.patch(launch.shutil, "which", lambda name: f"/usr/bin/{name}")
        command = config().command(None)
        self.assertEqual((command.executable, command.arguments[0]), ("/usr/bin/setsid", "/opt/codex"))
        self.patch(launch.shutil, "which", lambda name: None)
        self.assertEqual(config().command(None).executable, "/opt/codex")

    def test_threads_are_unloaded_at_once(self) -> None:
        self.assertEqual(flags(config().command(None)), ["thread_unload_delay_secs=0"])

    def test_the_catalog_is_a_flag(self) -> None:
        self.assertIn('model_catalog_json="/state/c.json"', flags(config().command(Path("/state/c.json"))))

    def test_the_scripted_model_is_a_provider_without_retries(self) -> None:
        values = flags(config(provider="http://127.0.0.1:8/v1").command(None))
        self.assertIn('model_provider="scripted"', values)
        self.assertIn('model_providers.scripted.base_url="http://127.0.0.1:8/v1"', values)
        self.assertIn("model_providers.scripted.request_max_retries=0", values)
        self.assertIn("model_providers.scripted.stream_max_retries=0", values)

    def test_flags_from_the_settings_come_last(self) -> None:
        values = flags(config(config=("thread_unload_delay_secs=9",)).command(None))
        self.assertEqual(values, ["thread_unload_delay_secs=0", "thread_unload_delay_secs=9"])

    def test_no_repr_shows_the_environment(self) -> None:
        self.assertNotIn("proxy", repr(config().command(None)))


class CatalogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeCodexReactor()
        self.state = Path(self.mktemp())
        self.state.mkdir()

    def prepare(self, provider: str | None = None, models: ProviderModels | None = None) -> "Deferred[Path | None]":
        made = Deferred.fromCoroutine(prepare_catalog(config(self.state, provider), self.reactor, models))
        self.reactor.advance(0)
        return made.addCallback(lambda prepared: None if prepared is None else prepared.path)

    def test_it_is_the_binarys_catalog_without_codex_tools(self) -> None:
        path = self.successResultOf(self.prepare())
        assert path is not None
        self.assertEqual(json.decode(path.read_bytes()), {"models": [{"slug": "gpt", "tool_mode": None}]})
        self.assertEqual(self.reactor.processes[0].command[1][-2:], ["debug", "models"])  # type: ignore[index]

    def test_the_catalog_for_the_scripted_model_has_one_model(self) -> None:
        path = self.successResultOf(self.prepare("http://127.0.0.1:8/v1"))
        assert path is not None
        (model,) = json.decode(path.read_bytes())["models"]
        self.assertEqual((model["slug"], model["visibility"]), ("scripted", "list"))

    def test_the_catalog_has_the_models_of_a_configured_provider(self) -> None:
        models = ProviderModels(provider="mine", configured="qwen")
        path = self.successResultOf(self.prepare(models=models))
        assert path is not None
        found = json.decode(path.read_bytes())["models"]
        self.assertEqual([model["slug"] for model in found], ["qwen", "gpt"])

    def test_agents_have_codex_s_own_catalog_without_sub_agents(self) -> None:
        self.reactor.catalog = json.encode({"models": [{"slug": "a", "tool_mode": "x", "multi_agent_version": "v2"}]})
        how = evolve(config(state=self.state), permission_profiles=(build_default_profile(ProtectedFiles(())),))
        made = Deferred.fromCoroutine(prepare_catalog(how, self.reactor))
        self.reactor.advance(0)
        prepared = self.successResultOf(made)
        assert prepared is not None
        assert prepared.agent_path is not None
        (model,) = json.decode(prepared.agent_path.read_bytes())["models"]
        self.assertEqual((model["tool_mode"], model["multi_agent_version"]), ("x", None))

    def test_catalogs_with_other_content_have_other_names(self) -> None:
        own = self.successResultOf(self.prepare())
        scripted = self.successResultOf(self.prepare("http://127.0.0.1:8/v1"))
        again = self.successResultOf(self.prepare())
        assert own is not None
        self.assertEqual(own, again)
        self.assertNotEqual(own, scripted)
        self.assertEqual(json.decode(own.read_bytes())["models"][0]["slug"], "gpt")
        self.assertEqual(len(list(self.state.iterdir())), 2)

    def test_a_binary_that_prints_no_catalog_gives_none(self) -> None:
        for printed in (None, b"error: unknown command", b'{"models": []}'):
            self.reactor.catalog = printed
            self.assertIsNone(self.successResultOf(self.prepare()))

    def test_a_binary_that_cannot_be_run_gives_none(self) -> None:
        self.reactor.error = OSError("no such file")
        self.assertIsNone(self.successResultOf(self.prepare()))

    def test_a_directory_that_cannot_be_written_gives_none(self) -> None:
        self.state.rmdir()
        self.assertIsNone(self.successResultOf(self.prepare()))

    def test_a_command_that_takes_too_long_is_killed(self) -> None:
        self.patch(FakeCodexReactor, "_print_catalog", lambda reactor, process: None)
        made = self.prepare()
        self.reactor.advance(CATALOG_SECONDS - 1)
        self.assertNoResult(made)
        self.reactor.advance(1)
        self.assertIsNone(self.successResultOf(made))
        self.assertEqual(self.reactor.running_processes, [])


class RunCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeCodexReactor()
        self.reactor.catalog = b"printed"

    def run_debug_models(self) -> "Deferred[bytes]":
        result = run_command(ProcessCommand("/opt/codex", ("debug", "models")), self.reactor)
        self.reactor.advance(0)
        return result

    def test_the_result_is_its_stdout(self) -> None:
        self.assertEqual(self.successResultOf(self.run_debug_models()), b"printed")

    def test_a_command_that_writes_too_much_is_killed(self) -> None:
        self.patch(launch, "MAX_OUTPUT_BYTES", 6)
        self.failureResultOf(self.run_debug_models(), TimeoutError)
        self.assertEqual(self.reactor.processes[0].signals, ["KILL"])

    def test_cancelling_kills_the_command(self) -> None:
        self.patch(FakeCodexReactor, "_print_catalog", lambda reactor, process: None)
        result = self.run_debug_models()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual(self.reactor.processes[0].signals, ["KILL"])
        self.reactor.advance(CATALOG_SECONDS)
