"""Plans a reload: compares the settings in effect with newly loaded ones."""

from typing import Any, Final

from attrs import evolve, fields, frozen

from codexd.configuration.registry import list_settings
from codexd.configuration.sources import FURTHER_CODEX
from codexd.settings import Codex, ModelAlias, Settings

RESTART: Final = (
    "http.listen",
    "codex.name",
    "codex.prefix",
    "codex.binary",
    "codex.home",
    "codex.model",
    "codex.workers",
    "codex.pass_environment",
    "codex.config",
    "codex.log_stderr",
    "codex.handshake_seconds",
    "codex.call_seconds",
    "codex.grace_seconds",
    "codex.backoff_initial_seconds",
    "codex.backoff_max_seconds",
    "codex.backoff_reset_seconds",
    "codex.restart_limit",
    "codex.restart_window_seconds",
    "models.refresh_seconds",
    "responses.database",
    "responses.database_bytes",
    "responses.sync",
    "responses.prune_interval_seconds",
    "responses.call_seconds",
    "responses.queue_bytes",
    "log.format",
    "log.rotate_bytes",
    "otel.endpoint",
    "admin.socket",
)
"""The settings that take effect only after a restart; a reload applies all others."""

_HOMES: Final = "codex (its tables and their names)"
_AGENTS: Final = 'models.alias (profile = "agent")'


@frozen(kw_only=True)
class ReloadPlan:
    """What a reload changes.

    Attributes:
        settings: the settings to apply: the new ones, but for those that need a restart.
        applied: the names of the settings that change.
        restart: the names of the settings that differ and need a restart.
    """

    settings: Settings
    applied: tuple[str, ...]
    restart: tuple[str, ...]


def plan_reload(current: Settings, loaded: Settings) -> ReloadPlan:
    """Compare the settings in effect with newly loaded ones.

    Aliases with the agent profile run in Codex processes of their own, which were started with the permissions of their
    workspaces and sandboxes: an alias with another workspace or sandbox is not added.
    """
    changed = [setting.key for setting in list_settings() if _read(current, setting.key) != _read(loaded, setting.key)]
    restart = [key for key in changed if key in RESTART]
    settings, applied_homes, restart_homes = _merge_homes(current, loaded)
    changed = [key for key in changed if key != FURTHER_CODEX]
    for key in restart:
        settings = _replace(settings, key, _read(current, key))
    started = {_place(alias) for alias in current.models.alias if _is_agent(alias)}
    aliases = loaded.models.alias
    known = tuple(alias for alias in aliases if not _is_agent(alias) or _place(alias) in started)
    if known != aliases:
        restart.append(_AGENTS)
        settings = _replace(settings, "models.alias", known)
    applied = tuple(key for key in changed if _read(settings, key) != _read(current, key))
    return ReloadPlan(settings=settings, applied=(*applied, *applied_homes), restart=(*restart, *restart_homes))


def _merge_homes(current: Settings, loaded: Settings) -> tuple[Settings, tuple[str, ...], tuple[str, ...]]:
    """Return the new settings with the further tables of Codex to apply, and what of these is applied and what is not.

    Other tables, or other names, need a restart as a whole.
    """
    before, after = current.further_codex, loaded.further_codex
    if [one.name for one in before] != [one.name for one in after]:
        return evolve(loaded, further_codex=before), (), (_HOMES,)
    merged, applied, restart = [], [], []
    for old, new in zip(before, after, strict=True):
        changed = [field.name for field in fields(Codex) if getattr(old, field.name) != getattr(new, field.name)]
        fixed = [name for name in changed if f"codex.{name}" in RESTART]
        merged.append(evolve(new, **{name: getattr(old, name) for name in fixed}))
        restart += [f"codex {old.name!r}.{name}" for name in fixed]
        applied += [f"codex {old.name!r}.{name}" for name in changed if name not in fixed]
    return evolve(loaded, further_codex=tuple(merged)), tuple(applied), tuple(restart)


def _is_agent(alias: ModelAlias) -> bool:
    return alias.profile == "agent"


def _place(alias: ModelAlias) -> tuple[str | None, str | None, str]:
    """Return in which home, workspace and sandbox an agent runs."""
    return alias.codex, alias.workspace, alias.sandbox


def _read(settings: Settings, key: str) -> Any:
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _replace(settings: Settings, key: str, value: object) -> Settings:
    table, dot, name = key.rpartition(".")
    changes: dict[str, Any] = {table: evolve(getattr(settings, table), **{name: value})} if dot else {name: value}
    return evolve(settings, **changes)
