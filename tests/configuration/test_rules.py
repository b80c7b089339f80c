from typing import Any

from hypothesis import given
from hypothesis.strategies import ip_addresses
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.rules import find_problems, is_loopback_endpoint
from codexd.settings import Codex, Http, Images, ModelAlias, Models, Settings, Tools, Upstream


def with_aliases(*aliases: ModelAlias) -> Settings:
    return Settings(models=Models(alias=aliases))


class LoopbackTests(SynchronousTestCase):
    def test_loopback_endpoints(self) -> None:
        for endpoint in (
            "tcp:1:interface=127.0.0.1",
            "tcp:port=1:interface=localhost",
            "tcp6:1:interface=\\:\\:1",
            "ssl:1:privateKey=a:interface=127.8.9.1",
            "unix:/run/codexd.sock",
        ):
            self.assertTrue(is_loopback_endpoint(endpoint), endpoint)

    def test_endpoints_that_are_not_loopback(self) -> None:
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
            self.assertFalse(is_loopback_endpoint(endpoint), endpoint)

    @given(ip_addresses())
    def test_an_interface_is_loopback_as_its_address_is(self, address: Any) -> None:
        escaped = str(address).replace(":", "\\:")
        self.assertEqual(is_loopback_endpoint(f"tcp:1:interface={escaped}"), address.is_loopback)


class RuleTests(SynchronousTestCase):
    def only_problem(self, settings: Settings) -> str:
        (problem,) = find_problems(settings)
        return problem

    def test_the_defaults_are_valid(self) -> None:
        self.assertEqual(find_problems(Settings()), ())

    def test_a_remote_endpoint_requires_a_key(self) -> None:
        http = Http(listen=("tcp:1:interface=127.0.0.1", "tcp:80"))
        problem = self.only_problem(Settings(http=http))
        self.assertRegex(problem, r"^http\.listen: 'tcp:80' is reachable from other machines, but no API key is set")
        self.assertIn("codexd new-key", problem)

    def test_with_a_key_any_endpoint_is_valid(self) -> None:
        self.assertEqual(find_problems(Settings(http=Http(listen=("tcp:80",), api_keys=("k",)))), ())

    def test_an_empty_listen_is_an_error(self) -> None:
        self.assertIn("http.listen: must not be empty", self.only_problem(Settings(http=Http(listen=()))))

    def test_a_bare_port_is_an_error_with_an_example(self) -> None:
        problem = self.only_problem(Settings(http=Http(listen=("8080",), api_keys=("k",))))
        self.assertIn("'8080' is not a Twisted endpoint string; for example tcp:11435:interface=127.0.0.1", problem)

    def test_what_is_no_endpoint_is_not_called_reachable(self) -> None:
        self.assertIn("is not a Twisted endpoint string", self.only_problem(Settings(http=Http(listen=("foo",)))))

    def test_a_key_that_a_header_cannot_carry_is_an_error_without_the_key(self) -> None:
        for key in ("", "se cret", "sécret"):
            problem = self.only_problem(Settings(http=Http(api_keys=("fine", key))))
            self.assertTrue(problem.startswith("http.api_keys: "), problem)
            self.assertNotIn("cret", problem)

    def test_a_port_is_a_number_that_a_port_can_have(self) -> None:
        for port in ("99999", "80x", "", "-1"):
            problem = self.only_problem(Settings(http=Http(listen=(f"tcp:{port}:interface=127.0.0.1",))))
            self.assertIn("the port must be a number from 0 to 65535", problem, port)

    def test_the_first_backoff_must_not_exceed_the_longest(self) -> None:
        codex = Codex(backoff_initial_seconds=2, backoff_max_seconds=1)
        self.assertTrue(self.only_problem(Settings(codex=codex)).startswith("codex.backoff_initial_seconds: "))

    def test_alias_names_are_unique_and_not_empty(self) -> None:
        self.assertIn(
            "2 aliases have the name 'a'",
            self.only_problem(with_aliases(ModelAlias(name="a"), ModelAlias(name="a"), ModelAlias(name="b"))),
        )
        self.assertIn("must not be empty", self.only_problem(with_aliases(ModelAlias(name=" "))))

    def test_an_agent_needs_a_workspace_and_a_plain_model_has_none(self) -> None:
        self.assertIn("requires workspace", self.only_problem(with_aliases(ModelAlias(name="a", profile="agent"))))
        self.assertIn(
            'requires profile = "agent"', self.only_problem(with_aliases(ModelAlias(name="a", workspace="/w")))
        )
        self.assertEqual(find_problems(with_aliases(ModelAlias(name="a", profile="agent", workspace="/w"))), ())

    def test_an_alias_needs_a_known_upstream_and_another_fallback(self) -> None:
        def find(*aliases: ModelAlias) -> tuple[str, ...]:
            local = Upstream(name="local", base_url="http://127.0.0.1:1/v1")
            return find_problems(Settings(models=Models(alias=aliases), upstream=(local,)))

        self.assertEqual(
            find(ModelAlias(name="a", upstream="local", fallback=("b",)), ModelAlias(name="b", fallback=("a",))), ()
        )
        for wrong, expected in (
            (ModelAlias(name="a", upstream="gone"), "there is no upstream named 'gone'"),
            (
                ModelAlias(name="a", upstream="local", profile="agent", workspace="/w"),
                "cannot be combined with upstream",
            ),
            (ModelAlias(name="a", fallback=("b", "a")), "fallback must not contain the alias itself"),
        ):
            [problem] = find(wrong)
            self.assertIn(expected, problem)

    def test_key_output_modes_need_a_unique_digest_and_are_not_quoted(self) -> None:
        def find(*modes: str) -> tuple[str, ...]:
            return find_problems(Settings(tools=Tools(key_output_modes=modes)))

        good = "0123456789ab=obsidian-xml"
        self.assertEqual(find(good, "0123456789ac=openai-json"), ())
        for bad in ("sk-secret=obsidian-xml", "0123456789ab", "0123456789AB=openai-json", f"{good} "):
            [problem] = find(bad)
            self.assertIn("SHA-256", problem)
            self.assertNotIn(bad.partition("=")[0], problem)
        self.assertEqual(len(find(good, "0123456789ab=openai-json")), 1)

    def test_allowed_hosts_of_images_are_networks_addresses_or_names(self) -> None:
        good = Images(allow_private=("10.0.0.0/8", "::1", "media.lan"))
        self.assertEqual(find_problems(Settings(images=good)), ())
        problem = self.only_problem(Settings(images=Images(allow_private=("10.0.0.0/8", "http://x/"))))
        self.assertTrue(problem.startswith("images.allow_private[1]: must be a network"), problem)

    def test_images_are_fetched_from_some_port(self) -> None:
        self.assertIn("images.ports", self.only_problem(Settings(images=Images(ports=()))))

    def test_upstream_names_are_unique_and_valid(self) -> None:
        twice = Settings(
            upstream=(Upstream(name="a", base_url="http://x/v1"), Upstream(name="a", base_url="http://y/v1"))
        )
        self.assertEqual(self.only_problem(twice), "upstream: 2 upstreams have the name 'a'; names must be unique")
        self.assertIn(
            "'a b' is not a valid name",
            self.only_problem(Settings(upstream=(Upstream(name="a b", base_url="http://x/v1"),))),
        )

    def test_an_upstreams_address_is_an_http_url_without_key(self) -> None:
        for address in ("http://localhost:11434/v1", "https://api.example.org", "HTTP://[::1]:8080/v1/"):
            self.assertEqual(find_problems(Settings(upstream=(Upstream(name="a", base_url=address),))), (), address)
        for address in ("", "ftp://x/v1", "http://", "http://user:key@x/v1", "http://x/v1?key=1", "x/v1"):
            self.assertIn(
                "base_url must be", self.only_problem(Settings(upstream=(Upstream(name="a", base_url=address),)))
            )

    def test_a_proxy_is_an_http_url(self) -> None:
        for proxy in ("socks5://x:1", "https://x:1", "http://x", "http://user:key@x:1"):
            broken = Upstream(name="a", base_url="http://x/v1", proxy=proxy)
            self.assertIn("proxy must be", self.only_problem(Settings(upstream=(broken,))))

    def test_an_upstream_has_one_key_and_growing_waits(self) -> None:
        two_keys = Upstream(name="a", base_url="http://x/v1", key_env="KEY", key_file="/key")
        self.assertIn("key_env and key_file", self.only_problem(Settings(upstream=(two_keys,))))
        shrinking = Upstream(name="a", base_url="http://x/v1", retry_initial_seconds=5, retry_max_seconds=1)
        self.assertIn("retry_initial_seconds", self.only_problem(Settings(upstream=(shrinking,))))
