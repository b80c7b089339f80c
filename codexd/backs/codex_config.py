"""Reads the model provider of Codex's configuration (openai/codex, docs/config.md): config.toml and `-c` overrides.

Codex itself reports no models of such a provider: its `model/list` is OpenAI's catalog, whoever serves the models
(measured on 0.163 and 0.171).
"""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import field

from codexd.neutral.records import frozen

OPENAI: Final = "openai"
"""The provider of a configuration that names none."""

_BUILT_IN: Final = {"ollama": "http://localhost:11434/v1", "lmstudio": "http://localhost:1234/v1"}
"""The base URLs of Codex's built-in local providers, which a configuration cannot change."""


@frozen(kw_only=True)
class ConfiguredProvider:
    """A model provider that the configuration selects instead of OpenAI.

    Attributes:
        id: its name in `model_providers`.
        base_url: its Responses API.
        model: the configured model; None if there is none.
        context_window: the configured context window in tokens (`model_context_window`).
        env_key: the environment variable that contains its key.
        bearer_token: the key in the configuration itself.
        headers: the names and values of additional headers.
        env_headers: the names of additional headers and the environment variables that contain their values.
        query: additional parameters of the query.
    """

    id: str
    base_url: str
    model: str | None = None
    context_window: int | None = None
    env_key: str | None = None
    bearer_token: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    env_headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def address(self) -> str:
        """Its base URL, without what may be secret."""
        scheme, _, rest = self.base_url.partition("://")
        return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"

    @property
    def summary(self) -> str:
        """Its name, address and model for a user, without what may be secret."""
        return f"{self.id} ({self.address})" + ("" if self.model is None else f", model {self.model}")

    @property
    def environment(self) -> tuple[str, ...]:
        """The environment variables that Codex needs for it."""
        key = () if self.env_key is None else (self.env_key,)
        return (*key, *(variable for _, variable in self.env_headers))


def parse_config(text: str, overrides: Iterable[str]) -> dict[str, Any]:
    """Parse a configuration; an invalid file is empty, because Codex reports it itself.

    Args:
        text: the content of config.toml.
        overrides: `key=value`, as for Codex's `-c`; the value is TOML, else a text.
    """
    try:
        config = tomllib.loads(text)
    except ValueError:
        config = {}
    for override in overrides:
        path, equals, value = override.partition("=")
        if equals:
            _assign(config, path.strip().split("."), _parse_value(value.strip()))
    return config


def select_provider(config: Mapping[str, Any]) -> str:
    """Return the id of the selected provider."""
    selected = _setting(config, "model_provider")
    return selected if isinstance(selected, str) and selected else OPENAI


def read_provider(config: Mapping[str, Any]) -> ConfiguredProvider | None:
    """Return the selected provider; None for OpenAI, and for one that uses OpenAI's login, models or servers."""
    id = select_provider(config)
    table = _table(_table(config.get("model_providers")).get(id))
    base_url = _BUILT_IN.get(id, _text(table.get("base_url")))
    if id == OPENAI or base_url is None or table.get("requires_openai_auth") is True:
        return None
    window = _setting(config, "model_context_window")
    return ConfiguredProvider(
        id=id,
        base_url=base_url,
        model=_text(_setting(config, "model")),
        context_window=window if type(window) is int and window > 0 else None,
        env_key=_text(table.get("env_key")),
        bearer_token=_text(table.get("experimental_bearer_token")),
        headers=_pairs(table.get("http_headers")),
        env_headers=_pairs(table.get("env_http_headers")),
        query=_pairs(table.get("query_params")),
    )


def _setting(config: Mapping[str, Any], name: str) -> Any:
    """Return a setting of the selected profile, else the general one. Newer Codex rejects `profile`."""
    profile = _table(_table(config.get("profiles")).get(_text(config.get("profile"))))
    return profile.get(name) or config.get(name)


def _assign(config: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(config.get(name), dict):
            config[name] = {}
        config = config[name]
    config[path[-1]] = value


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text.strip("\"'")


def _table(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in _table(value).items() if isinstance(text, str))
