"""The model provider of Codex's configuration."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.codex_config import ConfiguredProvider, parse_config, read_provider, select_provider

MINE = """
model = "qwen"
model_provider = "mine"
model_context_window = 4096
[model_providers.mine]
name = "Mine"
base_url = "http://127.0.0.1:1/v1"
env_key = "MINE_KEY"
experimental_bearer_token = "sk-secret"
http_headers = { "x-a" = "hidden", "x-b" = 7 }
env_http_headers = { "x-c" = "MINE_HEADER" }
query_params = { "v" = "hidden" }
"""


def provider(text: str, *overrides: str) -> ConfiguredProvider | None:
    return read_provider(parse_config(text, overrides))


class ReadProviderTests(SynchronousTestCase):
    def test_a_provider_is_read_with_its_model_key_headers_and_query(self) -> None:
        found = provider(MINE)
        self.assertEqual(
            found,
            ConfiguredProvider(
                id="mine",
                base_url="http://127.0.0.1:1/v1",
                model="qwen",
                context_window=4096,
                env_key="MINE_KEY",
                bearer_token="sk-secret",
                headers=(("x-a", "hidden"),),
                env_headers=(("x-c", "MINE_HEADER"),),
                query=(("v", "hidden"),),
            ),
        )
        assert found is not None
        self.assertEqual(found.environment, ("MINE_KEY", "MINE_HEADER"))

    def test_no_repr_and_no_summary_shows_a_secret(self) -> None:
        found = provider(MINE, 'model_providers.mine.base_url="https://me:secret@host:8/v1?key=secret"')
        assert found is not None
        self.assertEqual(found.summary, "mine (https://host:8/v1), model qwen")
        self.assertNotIn("sk-secret", repr(found))
        self.assertNotIn("hidden", repr(found))

    def test_openai_and_providers_that_use_its_login_are_none(self) -> None:
        table = '[model_providers.mine]\nbase_url = "http://a/v1"\n'
        for text in (
            "",
            'model = "gpt-5.5"\n',
            table,
            'model_provider = "openai"\n' + table,
            'model_provider = "mine"\n',
            'model_provider = "mine"\n[model_providers.mine]\nname = "no address"\n',
            'model_provider = "mine"\n' + table + "requires_openai_auth = true\n",
            'model_provider = "amazon-bedrock"\n',
            "model_provider = \n",
        ):
            self.assertIsNone(provider(text), text)

    def test_local_providers_are_built_in(self) -> None:
        found = provider('model_provider = "ollama"\nmodel = "q"\n')
        assert found is not None
        self.assertEqual(found.summary, "ollama (http://localhost:11434/v1), model q")

    def test_overrides_and_a_profile_take_precedence(self) -> None:
        profile = 'profile = "p"\n' + MINE + '[profiles.p]\nmodel = "other"\n'
        for text, overrides, model in (
            (profile, (), "other"),
            (MINE, ("model=bare-words",), "bare-words"),
            (MINE, ('model="quoted"',), "quoted"),
            (MINE, (" model = 'spaced' ",), "spaced"),
            (MINE, ("no-equals-sign", "x.y.z=1"), "qwen"),
            ("", ("model_provider=m", 'model_providers.m.base_url="http://a"', "model=dotted"), "dotted"),
        ):
            found = provider(text, *overrides)
            assert found is not None, overrides
            self.assertEqual(found.model, model)
        self.assertIsNone(provider(MINE, "model_provider=openai"))

    @given(
        st.dictionaries(
            st.sampled_from(["model", "model_provider", "model_providers", "profile", "profiles", "m"]),
            st.recursive(
                st.none() | st.integers() | st.sampled_from(["m", ""]),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(["m", "base_url", "http_headers", "env_key"]), inner)
                ),
                max_leaves=6,
            ),
        )
    )
    def test_any_configuration_is_read(self, config: dict[str, Any]) -> None:
        read_provider(config)
        self.assertIsInstance(select_provider(config), str)
