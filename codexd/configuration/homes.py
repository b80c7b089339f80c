"""Splits the settings by CODEX_HOME."""

from attrs import evolve

from codexd.policy.codex_homes import serves_alias
from codexd.settings import Codex, Settings


def settings_of_home(settings: Settings, home: Codex) -> Settings:
    """Return the settings of one home: its own table of Codex, and the aliases that it knows."""
    first = settings.codex.name
    aliases = tuple(alias for alias in settings.models.alias if serves_alias(home.name, first, alias))
    return evolve(settings, codex=home, further_codex=(), models=evolve(settings.models, alias=aliases))
