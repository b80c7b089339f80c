"""How a child is started, and the catalog it is started with."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.child import launch
from codexd.child.launch import CATALOG_SECONDS, Launch, output, prepare_catalog
from codexd.child.process import Command
from codexd.settings import Codex
from codexd.wire import json
from tests.support.codex import CodexReactor

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


def how(state: Path = Path("/state"), provider: str | None = None, **codex: Any) -> Launch:
    return Launch(Path("/opt/codex"), Path("/home/codex"), state, ENVIRON, Codex(**codex), provider)


def flags(command: Command) -> list[str]:
    """Give the overrides of the configuration."""
    words = command.arguments
    return [word for flag, word in pairwise(words) if flag == "-c"]


class CommandTests(SynchronousTestCase):
    def test_a_child_sees_what_it_needs_and_no_secrets(self) -> None:
        self.assertEqual(
            how().command(None).environment,
            {
                "PATH": "/bin",
                "HOME": "/home/me",
                "LC_ALL": "C.UTF-8",
                "https_proxy": "http://proxy",
                "CODEX_HOME": "/home/codex",
            },
        )

    def test_what_the_settings_name_is_passed_too(self) -> None:
        environment = how(pass_environment=("MY_OWN", "NOT_SET")).command(None).environment
        self.assertEqual(environment["MY_OWN"], "value")
        self.assertNotIn("NOT_SET", environment)

    def test_the_binary_is_an_app_server_in_the_empty_workspace(self) -> None:
        command = how().command(None)
        self.assertEqual(command.directory, "/state/workspace")
        words = (command.executable, *command.arguments)
        self.assertEqual(words[words.index("/opt/codex") + 1], "app-server")

    def test_it_runs_in_a_session_of_its_own_where_the_system_can(self) -> None:
        self.patch(launch.shutil, "which", lambda name: f"/usr/bin/{name}")
        command = how().command(None)
        self.assertEqual((command.executable, command.arguments[0]), ("/usr/bin/setsid", "/opt/codex"))
        self.patch(launch.shutil, "which", lambda name: None)
        self.assertEqual(how().command(None).executable, "/opt/codex")

    def test_threads_are_unloaded_at_once(self) -> None:
        self.assertEqual(flags(how().command(None)), ["thread_unload_delay_secs=0"])

    def test_the_catalog_is_named(self) -> None:
        self.assertIn('model_catalog_json="/state/c.json"', flags(how().command(Path("/state/c.json"))))

    def test_the_scripted_model_is_a_provider_that_is_asked_once(self) -> None:
        told = flags(how(provider="http://127.0.0.1:8/v1").command(None))
        self.assertIn('model_provider="scripted"', told)
        self.assertIn('model_providers.scripted.base_url="http://127.0.0.1:8/v1"', told)
        self.assertIn("model_providers.scripted.request_max_retries=0", told)
        self.assertIn("model_providers.scripted.stream_max_retries=0", told)

    def test_what_a_person_sets_comes_last_and_so_wins(self) -> None:
        told = flags(how(config=("thread_unload_delay_secs=9",)).command(None))
        self.assertEqual(told, ["thread_unload_delay_secs=0", "thread_unload_delay_secs=9"])

    def test_no_repr_shows_the_environment(self) -> None:
        self.assertNotIn("proxy", repr(how().command(None)))


class CatalogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = CodexReactor()
        self.state = Path(self.mktemp())
        self.state.mkdir()

    def prepare(self, provider: str | None = None) -> "Deferred[Path | None]":
        made = Deferred.fromCoroutine(prepare_catalog(how(self.state, provider), self.reactor))
        self.reactor.advance(0)
        return made

    def test_it_is_the_childs_own_with_codexs_tools_taken_out(self) -> None:
        path = self.successResultOf(self.prepare())
        assert path is not None
        self.assertEqual(json.decode(path.read_bytes()), {"models": [{"slug": "gpt", "tool_mode": None}]})
        self.assertEqual(self.reactor.processes[0].command[1][-2:], ["debug", "models"])  # type: ignore[index]

    def test_the_scripted_models_has_it_alone(self) -> None:
        path = self.successResultOf(self.prepare("http://127.0.0.1:8/v1"))
        assert path is not None
        (model,) = json.decode(path.read_bytes())["models"]
        self.assertEqual((model["slug"], model["visibility"]), ("scripted", "list"))

    def test_daemons_that_share_the_directory_keep_theirs_apart(self) -> None:
        own = self.successResultOf(self.prepare())
        scripted = self.successResultOf(self.prepare("http://127.0.0.1:8/v1"))
        again = self.successResultOf(self.prepare())
        assert own is not None
        self.assertEqual(own, again)
        self.assertNotEqual(own, scripted)
        self.assertEqual(json.decode(own.read_bytes())["models"][0]["slug"], "gpt")
        self.assertEqual(len(list(self.state.iterdir())), 2)

    def test_a_binary_that_prints_none_is_used_without(self) -> None:
        for printed in (None, b"error: unknown command", b'{"models": []}'):
            self.reactor.catalog = printed
            self.assertIsNone(self.successResultOf(self.prepare()))

    def test_a_binary_that_cannot_be_run_is_left_to_the_supervisor(self) -> None:
        self.reactor.error = OSError("no such file")
        self.assertIsNone(self.successResultOf(self.prepare()))

    def test_a_state_directory_that_cannot_be_written_to_costs_the_catalog_only(self) -> None:
        self.state.rmdir()
        self.assertIsNone(self.successResultOf(self.prepare()))

    def test_one_that_takes_too_long_is_killed_and_used_without(self) -> None:
        self.patch(CodexReactor, "_print_catalog", lambda reactor, process: None)
        made = self.prepare()
        self.reactor.advance(CATALOG_SECONDS - 1)
        self.assertNoResult(made)
        self.reactor.advance(1)
        self.assertIsNone(self.successResultOf(made))
        self.assertEqual(self.reactor.living, [])


class OutputTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = CodexReactor()
        self.reactor.catalog = b"printed"

    def run_it(self) -> "Deferred[bytes]":
        found = output(Command("/opt/codex", ("debug", "models")), self.reactor)
        self.reactor.advance(0)
        return found

    def test_all_of_it_is_given(self) -> None:
        self.assertEqual(self.successResultOf(self.run_it()), b"printed")

    def test_one_that_writes_too_much_is_killed(self) -> None:
        self.patch(launch, "MAX_OUTPUT_BYTES", 6)
        self.failureResultOf(self.run_it(), TimeoutError)
        self.assertEqual(self.reactor.processes[0].signals, ["KILL"])

    def test_whoever_waits_no_more_has_it_killed(self) -> None:
        self.patch(CodexReactor, "_print_catalog", lambda reactor, process: None)
        found = self.run_it()
        found.cancel()
        self.failureResultOf(found, CancelledError)
        self.assertEqual(self.reactor.processes[0].signals, ["KILL"])
        self.reactor.advance(CATALOG_SECONDS)
