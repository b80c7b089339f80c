"""Agents are confined, or codexd does not start."""

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.child import agent_sandbox
from codexd.child.agent_sandbox import check_agents, check_reload, confine_agents
from codexd.child.launch import LaunchConfig
from codexd.configuration import ConfigurationError
from codexd.settings import Admin, Codex, Http, ModelAlias, Models, Responses, Settings, Upstream


class AgentSandboxTests(SynchronousTestCase):
    """Use a fake Codex program, whose sandbox runs a shell script instead of the command."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        for name in ("home", "state", "work", "bin", "other-home"):
            (self.root / name).mkdir(parents=True)
        (self.root / "keys").write_text("sk-1")

    def settings(self, workspace: str | None = None, sandbox: Any = "read-only", **more: Any) -> Settings:
        workspace = str(self.root / "work") if workspace is None else workspace
        alias = ModelAlias(name="agent", profile="agent", workspace=workspace, sandbox=sandbox)
        return Settings(models=Models(alias=(alias,)), **more)

    def config(self, script: str = "echo checked") -> LaunchConfig:
        binary = self.root / "bin" / "codex"
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
        return LaunchConfig(
            binary=binary, home=self.root / "home", state=self.root / "state", environ={"PATH": "/bin:/usr/bin"},
            codex=Codex(),
        )  # fmt: skip

    def confined(self, settings: Settings, **more: Any) -> LaunchConfig:
        return confine_agents(settings, self.config(**more), (self.root / "other-home",), (str(self.root / "keys"),))

    def problem(self, settings: Settings, script: str) -> str:
        config = self.confined(settings, script=script)
        return str(self.assertRaises(ConfigurationError, check_agents, settings, config))

    def test_without_agents_nothing_is_confined_and_nothing_is_run(self) -> None:
        config = self.confined(Settings(), script="exit 1")
        self.assertEqual(config.permission_profiles, ())
        check_agents(Settings(), config)

    def test_logins_keys_settings_and_the_state_directory_are_hidden(self) -> None:
        (self.root / "upstream-key").write_text("sk-2")
        (self.root / "tls.pem").write_text("key")
        (self.root / "db").mkdir()
        (self.root / "admin").mkdir()
        upstream = Upstream(name="a", base_url="http://a/v1", key_file=str(self.root / "upstream-key"))
        settings = self.settings(
            upstream=(upstream,),
            admin=Admin(socket=str(self.root / "admin" / "sock")),
            responses=Responses(database=str(self.root / "db" / "file")),
            http=Http(listen=(f"ssl:443:privateKey={self.root}/tls.pem:certKey=/c",)),
        )
        hidden = set(self.confined(settings).protected_files.unreadable)
        names = ("home", "state", "other-home", "keys", "upstream-key", "tls.pem", "db", "admin")
        self.assertEqual(hidden, {str(self.root / name) for name in names})

    def test_the_credentials_of_systemd_are_hidden(self) -> None:
        (self.root / "credentials").mkdir()
        environ = {"CREDENTIALS_DIRECTORY": str(self.root / "credentials")}
        config = LaunchConfig(
            binary=Path("/c"), home=self.root / "home", state=self.root / "state", environ=environ, codex=Codex()
        )
        hidden = confine_agents(self.settings(), config, ()).protected_files.unreadable
        self.assertIn(str(self.root / "credentials"), hidden)

    def test_a_home_behind_a_link_is_hidden_and_the_link_stays(self) -> None:
        (self.root / "link").symlink_to(self.root / "home")
        config = evolve(self.config(), home=self.root / "link")
        protected = confine_agents(self.settings(), config, ()).protected_files
        self.assertIn(str(self.root / "home"), protected.unreadable)
        self.assertIn(str(self.root), protected.unchangeable)

    def test_a_directory_in_another_one_is_not_hidden_twice(self) -> None:
        (self.root / "state" / "codex-home").mkdir()
        config = LaunchConfig(
            binary=Path("/c"), home=self.root / "state" / "codex-home", state=self.root / "state", environ={},
            codex=Codex(),
        )  # fmt: skip
        hidden = confine_agents(self.settings(), config, ()).protected_files.unreadable
        self.assertEqual(hidden, (str(self.root / "state"),))

    def test_a_reload_with_a_file_that_agents_could_read_is_an_error(self) -> None:
        config = self.confined(self.settings())
        homes, files = (self.root / "other-home",), [str(self.root / "keys")]
        check_reload(self.settings(), config, homes, files)
        (self.root / "new-keys").write_text("sk-2")
        new = [*files, str(self.root / "new-keys")]
        error = self.assertRaises(ConfigurationError, check_reload, self.settings(), config, homes, new)
        self.assertIn("new-keys: the agents that run could read it; restart codexd", str(error))
        check_reload(self.settings(), self.confined(Settings()), homes, new)

    def test_a_workspace_that_cannot_be_used_is_an_error(self) -> None:
        error = self.assertRaises(ConfigurationError, self.confined, self.settings(str(self.root / "gone")))
        self.assertEqual(str(error), f"models.alias 'agent': workspace {self.root}/gone is not a directory")
        error = self.assertRaises(ConfigurationError, self.confined, self.settings(str(self.root / "home")))
        self.assertIn(f"is in {self.root}/home, which agents must not read", str(error))

    def test_a_sandbox_that_works_is_accepted(self) -> None:
        for sandbox in ("read-only", "workspace-write", "danger-full-access"):
            settings = self.settings(sandbox=sandbox)
            check_agents(settings, self.confined(settings))

    def test_a_sandbox_that_cannot_run_is_an_error_with_its_reason(self) -> None:
        problem = self.problem(self.settings(), "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1")
        self.assertIn("models.alias 'agent': the commands of an agent cannot be confined", problem)
        self.assertIn("bwrap: No permissions to create a new namespace", problem)
        self.assertIn("no reason given", self.problem(self.settings(), "exit 1"))

    def test_a_sandbox_that_hides_nothing_is_an_error(self) -> None:
        # The fake runs the probe itself, in no sandbox.
        run = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
        self.assertIn(f"it can use {self.root / 'home'}", self.problem(self.settings(), run))

    def test_a_sandbox_that_takes_too_long_or_does_not_exist_is_an_error(self) -> None:
        self.patch(agent_sandbox, "PROBE_SECONDS", 0.05)
        self.assertIn("TimeoutExpired", self.problem(self.settings(), "sleep 60"))
        settings = self.settings()
        config = self.confined(settings)
        config.binary.unlink()
        self.assertRaises(ConfigurationError, check_agents, settings, config)

    def test_sockets_are_hidden_without_the_resolver_s_directory(self) -> None:
        run = self.root / "run"
        for name in ("user", "systemd"):
            (run / name).mkdir(parents=True)
        self.patch(agent_sandbox, "_RUN", run)
        self.patch(agent_sandbox, "_RESOLVER", Path("/etc/hostname"))
        self.assertEqual(self.confined(self.settings()).protected_files.sockets, (str(run),))
        self.patch(agent_sandbox, "_RESOLVER", run / "systemd" / "resolve")
        self.assertEqual(self.confined(self.settings()).protected_files.sockets, (str(run / "user"),))
        self.patch(agent_sandbox, "_RUN", self.root / "gone")
        self.assertEqual(self.confined(self.settings()).protected_files.sockets, ())


class AgentCommandTests(SynchronousTestCase):
    def test_the_shell_of_agents_has_no_keys(self) -> None:
        environ = {"PATH": "/bin", "PROVIDER": "sk-1", "http_proxy": "http://user:password@proxy"}
        config = LaunchConfig(
            binary=Path("/codex"), home=Path("/home"), state=Path("/state"), environ=environ, codex=Codex(),
            provider_environment=("PROVIDER",), shell_excludes=("MINE",),
        )  # fmt: skip
        words = config.command(None, agent=True).arguments
        self.assertIn('shell_environment_policy.exclude=["MINE","PROVIDER","http_proxy"]', words)
        self.assertIn("shell_environment_policy.ignore_default_excludes=false", words)
        self.assertNotIn("shell_environment_policy", " ".join(config.command(None).arguments))

    def test_the_operator_s_own_flags_cannot_undo_the_protection(self) -> None:
        config = LaunchConfig(
            binary=Path("/codex"), home=Path("/home"), state=Path("/state"), environ={},
            codex=Codex(config=('default_permissions=":danger-full-access"',)),
        )  # fmt: skip
        words = [word for word in config.command(None, agent=True).arguments if word.startswith("default_permissions")]
        self.assertEqual(words[-1], 'default_permissions="codexd-default"')
