"""Tests of the log lines at the start."""

import shlex
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd import __version__
from codexd.settings import ApiKey, Codex, Http, Keys, ModelAlias, Models, Settings, Upstream
from codexd.startup_banner import find_risks, render_startup_banner
from codexd.wire import json

HOME = Path("/home/me/.codex")


class StartupBannerTests(SynchronousTestCase):
    def url(self, *listen: str) -> str | None:
        """Return the URL of the suggested command, None if there is none."""
        lines = render_startup_banner(Settings(http=Http(listen=listen)), "account", HOME)
        return lines[1].removeprefix("Try: curl ").removesuffix("/v1/models") if len(lines) == 2 else None

    def test_the_first_line_names_the_models(self) -> None:
        for provider, whose in (("account", "the Codex account in"), ("scripted", "no Codex login in")):
            lines = render_startup_banner(Settings(), provider, HOME)[0]  # type: ignore[arg-type]
            self.assertIn(whose, lines)
            self.assertIn(__version__, lines)
            self.assertTrue(lines.rstrip(")").endswith("/home/me/.codex"), lines)

    def test_a_provider_of_one_s_own_is_named(self) -> None:
        line = render_startup_banner(Settings(), "account", HOME, (), "mine (http://a/v1), model qwen")[0]
        self.assertTrue(
            line.endswith("the models of Codex's provider mine (http://a/v1), model qwen from /home/me/.codex"), line
        )

    def test_every_home_without_a_login_is_named(self) -> None:
        own = Path("/home/me/.local/state/codexd/codex-home")
        (line, *_) = render_startup_banner(Settings(), "scripted", own, (HOME, own))
        self.assertTrue(line.endswith(f"the built-in scripted model (no Codex login in {HOME} or {own})"), line)

    def test_a_scripted_model_that_was_chosen_needs_no_reason(self) -> None:
        (line, *_) = render_startup_banner(Settings(codex=Codex(model="scripted")), "scripted", HOME)
        self.assertTrue(line.endswith('the built-in scripted model (codex.model is "scripted")'), line)

    def test_upstreams_are_named_with_or_without_codex(self) -> None:
        upstreams = (
            Upstream(name="local", base_url="http://127.0.0.1:1/v1"),
            Upstream(name="cloud", base_url="https://c/v1"),
        )
        alone = render_startup_banner(Settings(upstream=upstreams), "none", HOME)[0]
        self.assertTrue(alone.endswith("serves the models of local and the models of cloud"), alone)
        beside = render_startup_banner(Settings(upstream=upstreams), "account", HOME)[0]
        self.assertIn("account in /home/me/.codex and the models of local", beside)
        self.assertIn("neither Codex nor an upstream", render_startup_banner(Settings(), "none", HOME)[0])

    def test_the_suggested_command_is_valid_in_a_shell(self) -> None:
        words = shlex.split(render_startup_banner(Settings(), "scripted", HOME)[1].removeprefix("Try: "))
        self.assertEqual(words[:2], ["curl", "http://127.0.0.1:11435/v1/chat/completions"])
        self.assertEqual(words[2:5], ["-H", "content-type: application/json", "-d"])
        self.assertEqual(json.decode(words[5])["model"], "scripted")

    def test_with_an_account_the_suggested_command_lists_models(self) -> None:
        words = shlex.split(render_startup_banner(Settings(), "account", HOME)[1].removeprefix("Try: "))
        self.assertEqual(words, ["curl", "http://127.0.0.1:11435/v1/models"])

    def test_with_keys_the_command_has_a_placeholder(self) -> None:
        for provider in ("account", "scripted"):
            for settings in (
                Settings(http=Http(api_keys=("sk-secret",))),
                Settings(key=(ApiKey(name="alice", sha256=""),)),
                Settings(keys=Keys(file="keys.toml")),
            ):
                lines = " ".join(render_startup_banner(settings, provider, HOME))  # type: ignore[arg-type]
                self.assertIn("-H 'authorization: Bearer YOUR-KEY'", lines)
            self.assertNotIn("sk-secret", lines)

    def test_the_url_is_reachable_from_this_machine(self) -> None:
        urls = {
            "tcp:8080": "http://127.0.0.1:8080",
            "tcp:8080:interface=192.168.1.5": "http://192.168.1.5:8080",
            "tcp:8080:interface=0.0.0.0": "http://127.0.0.1:8080",
            r"tcp:8080:interface=\:\:1": "http://[::1]:8080",
            r"tcp:8080:interface=\:\:": "http://[::1]:8080",
            "tcp:port=8080": "http://127.0.0.1:8080",
            "tcp6:8080": "http://[::1]:8080",
        }
        for endpoint, url in urls.items():
            self.assertEqual(self.url(endpoint), url, endpoint)

    def test_the_first_tcp_endpoint_is_used(self) -> None:
        self.assertEqual(self.url("unix:/run/codexd.sock", "tcp:1", "tcp:2"), "http://127.0.0.1:1")

    def test_without_a_known_url_no_command_is_suggested(self) -> None:
        for endpoint in ("unix:/run/codexd.sock", "systemd:domain=INET:index=0", "tcp:0", "ssl:443"):
            self.assertIsNone(self.url(endpoint), endpoint)


class RiskTests(SynchronousTestCase):
    def test_root_is_a_warning(self) -> None:
        (risk,) = find_risks(Settings(), 0)
        self.assertIn("codexd runs as root", risk)
        self.assertEqual(find_risks(Settings(), 1000), ())

    def test_an_agent_with_full_access_is_a_warning(self) -> None:
        agent = ModelAlias(name="agent", profile="agent", workspace="/work", sandbox="danger-full-access")
        keys = Http(api_keys=("secret",))
        (risk,) = find_risks(Settings(http=keys, models=Models(alias=(agent,))), 1000)
        self.assertIn("models.alias 'agent': with danger-full-access the model can place programs", risk)
        confined = Models(alias=(evolve(agent, sandbox="read-only"),))
        self.assertEqual(find_risks(Settings(http=keys, models=confined), 1000), ())

    def test_an_agent_without_keys_is_a_warning(self) -> None:
        agent = ModelAlias(name="agent", profile="agent", workspace="/work")
        (risk,) = find_risks(Settings(models=Models(alias=(agent,))), 1000)
        self.assertIn("models.alias 'agent': without API keys everyone on this machine can run commands", risk)
