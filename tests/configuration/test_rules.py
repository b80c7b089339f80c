from typing import Any

from hypothesis import given
from hypothesis.strategies import ip_addresses
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.rules import loopback, problems
from codexd.settings import Codex, Http, Model, Models, Settings, Tools, Upstream


def with_aliases(*aliases: Model) -> Settings:
    return Settings(models=Models(alias=aliases))


class LoopbackTests(SynchronousTestCase):
    def test_what_only_this_machine_reaches(self) -> None:
        for endpoint in (
            "tcp:1:interface=127.0.0.1",
            "tcp:port=1:interface=localhost",
            "tcp6:1:interface=\\:\\:1",
            "ssl:1:privateKey=a:interface=127.8.9.1",
            "unix:/run/codexd.sock",
        ):
            self.assertTrue(loopback(endpoint), endpoint)

    def test_what_others_may_reach(self) -> None:
        for endpoint in (
            "tcp:1",
            "tcp:1:127.0.0.1",
            "tcp:1:interface=",
            "tcp:1:interface=0.0.0.0",
            "tcp:1:interface=example.org",
            "tcp:1:interface=127.0.0.1:interface=0.0.0.0",
            "tcp:1:interface=127.0.0.1=0.0.0.0",
            "tcp6:1:interface=\\:\\:",
            "systemd:domain=INET:name=http",
            "haproxy:tcp:1:interface=127.0.0.1",
            "unixish",
            "",
        ):
            self.assertFalse(loopback(endpoint), endpoint)

    @given(ip_addresses())
    def test_an_address_is_loopback_exactly_when_it_is(self, address: Any) -> None:
        escaped = str(address).replace(":", "\\:")
        self.assertEqual(loopback(f"tcp:1:interface={escaped}"), address.is_loopback)


class RuleTests(SynchronousTestCase):
    def only(self, settings: Settings) -> str:
        (problem,) = problems(settings)
        return problem

    def test_the_defaults_break_no_rule(self) -> None:
        self.assertEqual(problems(Settings()), ())

    def test_without_keys_only_loopback_is_listened_on(self) -> None:
        http = Http(listen=("tcp:1:interface=127.0.0.1", "tcp:80"))
        problem = self.only(Settings(http=http))
        self.assertRegex(problem, r"^http\.listen: other machines may reach 'tcp:80' and no API key is set")
        self.assertIn("codexd new-key", problem)

    def test_with_a_key_anything_may_be_listened_on(self) -> None:
        self.assertEqual(problems(Settings(http=Http(listen=("tcp:80",), api_keys=("k",)))), ())

    def test_nothing_to_listen_on_is_told(self) -> None:
        self.assertIn("http.listen: nothing to listen on", self.only(Settings(http=Http(listen=()))))

    def test_a_bare_port_is_told_how_an_endpoint_looks(self) -> None:
        problem = self.only(Settings(http=Http(listen=("8080",), api_keys=("k",))))
        self.assertIn("'8080' is not an endpoint; for example tcp:11435:interface=127.0.0.1", problem)

    def test_a_key_that_no_header_can_carry_is_told_without_showing_it(self) -> None:
        for key in ("", "se cret", "sécret"):
            problem = self.only(Settings(http=Http(api_keys=("fine", key))))
            self.assertTrue(problem.startswith("http.api_keys: "), problem)
            self.assertNotIn("cret", problem)

    def test_the_first_wait_may_not_be_longer_than_the_longest(self) -> None:
        codex = Codex(backoff_first_seconds=2, backoff_cap_seconds=1)
        self.assertTrue(self.only(Settings(codex=codex)).startswith("codex.backoff_first_seconds: "))

    def test_alias_names_must_differ_and_not_be_empty(self) -> None:
        self.assertIn("2 aliases are named 'a'", self.only(with_aliases(Model("a"), Model("a"), Model("b"))))
        self.assertIn("empty name", self.only(with_aliases(Model(" "))))

    def test_an_agent_needs_a_workspace_and_a_plain_model_has_none(self) -> None:
        self.assertIn("needs workspace", self.only(with_aliases(Model("a", profile="agent"))))
        self.assertIn('is for profile = "agent"', self.only(with_aliases(Model("a", workspace="/w"))))
        self.assertEqual(problems(with_aliases(Model("a", profile="agent", workspace="/w"))), ())

    def test_an_alias_leads_to_an_upstream_there_is_and_never_back_to_itself(self) -> None:
        def told(*aliases: Model) -> tuple[str, ...]:
            local = Upstream("local", "http://127.0.0.1:1/v1")
            return problems(Settings(models=Models(alias=aliases), upstream=(local,)))

        self.assertEqual(told(Model("a", upstream="local", fallback=("b",)), Model("b", fallback=("a",))), ())
        for wrong, expected in (
            (Model("a", upstream="gone"), "there is no upstream named 'gone'"),
            (
                Model("a", upstream="local", profile="agent", workspace="/w"),
                "an upstream's model has no workspace",
            ),
            (Model("a", fallback=("b", "a")), "it is its own fallback"),
        ):
            [problem] = told(wrong)
            self.assertIn(expected, problem)

    def test_a_keys_output_mode_is_given_by_its_digest_once_and_never_shown(self) -> None:
        def told(*modes: str) -> tuple[str, ...]:
            return problems(Settings(tools=Tools(key_output_modes=modes)))

        good = "0123456789ab=obsidian-xml"
        self.assertEqual(told(good, "0123456789ac=openai-json"), ())
        for bad in ("sk-secret=obsidian-xml", "0123456789ab", "0123456789AB=openai-json", f"{good} "):
            [problem] = told(bad)
            self.assertIn("SHA-256", problem)
            self.assertNotIn(bad.partition("=")[0], problem)
        self.assertEqual(len(told(good, "0123456789ab=openai-json")), 1)

    def test_upstreams_are_told_apart_by_their_names(self) -> None:
        twice = Settings(upstream=(Upstream("a", "http://x/v1"), Upstream("a", "http://y/v1")))
        self.assertEqual(self.only(twice), "upstream: 2 are named 'a'; names must differ")
        self.assertIn("'a b' is no name", self.only(Settings(upstream=(Upstream("a b", "http://x/v1"),))))

    def test_an_upstreams_address_is_one_of_http_and_holds_no_key(self) -> None:
        for address in ("http://localhost:11434/v1", "https://api.example.org", "HTTP://[::1]:8080/v1/"):
            self.assertEqual(problems(Settings(upstream=(Upstream("a", address),))), (), address)
        for address in ("", "ftp://x/v1", "http://", "http://user:key@x/v1", "http://x/v1?key=1", "x/v1"):
            self.assertIn("base_url must be", self.only(Settings(upstream=(Upstream("a", address),))))

    def test_a_proxy_is_an_http_one(self) -> None:
        for proxy in ("socks5://x:1", "https://x:1", "http://x", "http://user:key@x:1"):
            broken = Upstream("a", "http://x/v1", proxy=proxy)
            self.assertIn("proxy must be", self.only(Settings(upstream=(broken,))))

    def test_an_upstream_has_one_key_and_waits_that_grow(self) -> None:
        two_keys = Upstream("a", "http://x/v1", key_env="KEY", key_file="/key")
        self.assertIn("key_env and key_file", self.only(Settings(upstream=(two_keys,))))
        shrinking = Upstream("a", "http://x/v1", retry_first_seconds=5, retry_cap_seconds=1)
        self.assertIn("retry_first_seconds", self.only(Settings(upstream=(shrinking,))))
