import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.python import usage
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError
from codexd.options import Options
from codexd.systemd.inherited_sockets import InheritedSocket, InheritedSockets

SCRIPTED = '[codex]\nmodel = "scripted"\n'


class OptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()

    def parsed(self, *argv: str, **environ: str) -> Options:
        options = Options({"HOME": str(self.home), **environ})
        options.parseOptions(argv)
        return options

    def error(self, *argv: str, **environ: str) -> str:
        return str(self.assertRaises(UsageError, self.parsed, *argv, **environ))

    def file(self, text: str) -> str:
        path = self.home / "codexd.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_the_summary_names_a_provider_of_one_s_own_and_its_missing_variables(self) -> None:
        (self.home / "config.toml").write_text(
            'model = "qwen"\nmodel_provider = "mine"\n[model_providers.mine]\nname = "Mine"\n'
            'base_url = "http://user:secret@host/v1"\nenv_key = "MINE_KEY"\n'
        )
        shown = self.parsed("--codex-home", str(self.home)).summary()
        self.assertIn("# provider of config.toml: mine (http://host/v1), model qwen\n", shown)
        self.assertIn("# warning: the environment variable MINE_KEY of that provider is not set\n", shown)
        self.assertNotIn("secret", shown)
        self.assertNotIn("MINE_KEY", self.parsed("--codex-home", str(self.home), MINE_KEY="sk-1").summary())

    def test_every_flag_sets_its_setting(self) -> None:
        settings = self.parsed(
            "--listen", "tcp:1", "--listen=unix:/s", "--api-key", "a", "--api-key", "b", "--codex", "/c",
            "--codex-home", "/h", "--workers", "3", "--model", "scripted",
        ).settings  # fmt: skip
        self.assertEqual(settings.http.listen, ("tcp:1", "unix:/s"))
        self.assertEqual(settings.http.api_keys, ("a", "b"))
        codex = settings.codex
        self.assertEqual((codex.binary, codex.home, codex.workers, codex.model), ("/c", "/h", 3, "scripted"))

    def test_without_flags_all_is_default(self) -> None:
        self.assertEqual(self.parsed().loaded.overrides, ())

    def test_a_flag_wins_over_a_variable_that_over_the_file(self) -> None:
        config = self.file("[codex]\nworkers = 2\n[turns]\naffinity = false\n")
        settings = self.parsed("-c", config, CODEXD_CODEX_WORKERS="3", CODEXD_LISTEN="unix:/s").settings
        self.assertEqual((settings.codex.workers, settings.turns.affinity), (3, False))
        self.assertEqual(settings.http.listen, ("unix:/s",))
        settings = self.parsed("--workers=4", CODEXD_CONFIG=config, CODEXD_CODEX_WORKERS="3").settings
        self.assertEqual(settings.codex.workers, 4)

    def test_a_key_file_is_read(self) -> None:
        keys = self.home / "keys"
        keys.write_text("sk-one\n", encoding="utf-8")
        settings = self.parsed("--listen", "tcp:1", CODEXD_HTTP_API_KEYS_FILE=str(keys)).settings
        self.assertEqual(settings.http.api_keys, ("sk-one",))

    def test_errors_name_the_setting_and_the_flag(self) -> None:
        self.assertEqual(self.error("--workers", "many"), "codex.workers: must be a whole number, not text (--workers)")
        self.assertEqual(
            self.error("--model", "gpt"),
            "codex.model: must be one of auto, account, scripted, none (--model)",
        )
        self.assertIn("'tcp:80' is reachable from other machines", self.error("--listen", "tcp:80"))
        self.assertIn("gone.toml: cannot be read: No such file", self.error("--config", "gone.toml"))

    def test_an_invalid_endpoint_is_an_error(self) -> None:
        for endpoint, reason in (
            ("tpc:80", "Unknown endpoint type"),
            ("tcp:80:interfaec=127.0.0.1", "unexpected keyword"),
            ("ssl:443:privateKey=/gone.pem", "No such file"),
        ):
            problem = self.error("--api-key", "k", "--listen", endpoint)
            self.assertIn(f"http.listen: {endpoint!r} is not a valid endpoint: ", problem)
            self.assertIn(reason, problem)

    def test_systemd_endpoints_are_not_checked(self) -> None:
        endpoint = "systemd:domain=INET:name=http"
        self.assertEqual(self.parsed("--api-key", "k", "--listen", endpoint).settings.http.listen, (endpoint,))

    def test_inherited_sockets_are_the_default_of_listen(self) -> None:
        options = self.inheriting(is_local=True)
        self.assertEqual(options.reload().settings.http.listen, ("systemd:domain=INET:name=http",))
        options["listen"] = ["tcp:1:interface=127.0.0.1"]
        loaded = options.reload()
        self.assertEqual(loaded.settings.http.listen, ("tcp:1:interface=127.0.0.1",))
        self.assertIn("does not name these sockets of the service manager", loaded.warnings[-1])

    def test_an_inherited_socket_that_others_can_reach_requires_a_key(self) -> None:
        options = self.inheriting(is_local=False)
        problem = self.assertRaises(ConfigurationError, options.reload)
        self.assertIn("'systemd:domain=INET:name=http' is reachable from other machines", str(problem))
        options["api-key"] = ["k"]
        self.assertEqual(options.reload().settings.http.api_keys, ("k",))

    def inheriting(self, *, is_local: bool) -> Options:
        options = Options({})
        socket = InheritedSocket(fd=3, family="INET", name="http", is_local=is_local)
        options.inherited = InheritedSockets((socket,))
        return options

    def test_help_explains_the_flags_the_precedence_and_shows_examples(self) -> None:
        shown = Options({}).getUsage()
        for part in ("--api-key=", "a flag takes precedence over", "CODEXD_HTTP_MAX_BODY_BYTES", "Examples:"):
            self.assertIn(part, shown)

    def test_check_prints_the_settings_in_effect_and_exits(self) -> None:
        out = StringIO()
        with redirect_stdout(out):
            leaving = self.assertRaises(SystemExit, self.parsed, "--check", "--workers", "2", "--api-key", "sk-a")
        self.assertEqual(leaving.code, 0)
        self.assertIn("# models: scripted\n", out.getvalue())
        self.assertIn("workers = 2  # --workers\n", out.getvalue())
        self.assertNotIn("sk-a", out.getvalue())

    def test_check_reports_a_missing_program(self) -> None:
        self.assertIn("codex.binary: '/gone'", self.error("--check", "--codex", "/gone"))

    def test_under_twistd_a_missing_program_home_or_login_is_an_error(self) -> None:
        for argv, problem in (
            (["--codex", "/gone"], "codex.binary: '/gone'"),
            (["--model", "account"], "codex.model: "),
            (["--codex-home", "/gone"], "codex.home: /gone is not a directory"),
        ):
            options = Options({"HOME": str(self.home)})
            options.parent = usage.Options()
            self.assertIn(problem, str(self.assertRaises(UsageError, options.parseOptions, argv)))

    def test_the_program_need_not_exist_when_codex_does_not_run(self) -> None:
        config = Path(self.mktemp())
        config.write_text('[codex]\nmodel = "none"\nbinary = "/gone"\n')
        self.assertIn("# codex: not run\n", self.parsed("--config", str(config)).summary())

    def test_the_help_has_no_stray_spaces(self) -> None:
        for line in self.parsed().getUsage().splitlines():
            self.assertNotRegex(line, r"^ +[^- ].*\S {3,}\S|\S {3,}\S.*\S {3,}\S")

    def test_version_prints_the_version_of_codexd(self) -> None:
        out = StringIO()
        with redirect_stdout(out):
            self.assertRaises(SystemExit, self.parsed, "--version")
        self.assertRegex(out.getvalue(), r"^codexd \d+\.\d+\.\d+\n$")

    def test_a_home_in_the_temporary_directory_is_a_warning(self) -> None:
        with TemporaryDirectory() as home:
            shown = self.parsed("--codex-home", home).summary()
        self.assertIn("# warning: CODEX_HOME is in the temporary directory", shown)
        self.assertNotIn("temporary directory", self.parsed("--codex-home", "/").summary())

    def test_a_daemon_of_root_is_a_warning_unless_twistd_changes_the_user(self) -> None:
        self.patch(os, "geteuid", lambda: 0)
        self.assertIn("# warning: codexd runs as root", self.parsed().summary())
        options = Options({"HOME": str(self.home)})
        options.parent = {"uid": 1000}
        options.parseOptions([])
        self.assertNotIn("# warning: codexd runs as root", options.summary())

    def test_agents_that_cannot_be_confined_are_reported_with_all_other_problems(self) -> None:
        workspace = self.home / "inside"
        workspace.mkdir()
        agent = f'[[models.alias]]\nname = "a"\nmodel = "m"\nprofile = "agent"\nworkspace = "{workspace}"\n'
        upstream = '[[upstream]]\nname = "u"\nbase_url = "http://127.0.0.1:9/v1"\nkey_file = "/gone/key"\n'
        options = self.parsed("--codex-home", str(self.home), "--config", self.file(agent + upstream + SCRIPTED))
        problems = "\n".join(self.assertRaises(ConfigurationError, options.summary).problems)
        self.assertIn("upstream 'u'", problems)
        self.assertIn("models.alias 'a'", problems)
        self.assertIn("which agents must not read", problems)
