"""Renders the settings: an example TOML file, the tables of the manual, the presets, the settings in effect."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from textwrap import fill
from typing import Any

from attrs import NOTHING, AttrsInstance, fields

from codexd.configuration import LoadedSettings
from codexd.configuration.registry import Setting, describe_type, list_settings, list_table_settings
from codexd.configuration.sources import FURTHER_CODEX
from codexd.settings import Settings
from codexd.settings.upstream_presets import PRESETS
from codexd.wire import json

_REDACTED = "***"


def render_example() -> str:
    """Render a configuration file that explains every setting, with the defaults commented out."""
    lines = [
        "# codexd: all settings with their defaults. To change one, remove its comment sign.",
        "# Precedence: flags, CODEXD_* variables, this file. `codexd check-config` prints the result.",
    ]
    for table, group in _tables():
        lines += ["", f"[{table}]"] if table else []
        for setting in sorted(group, key=lambda setting: setting.is_table_list):
            lines += _render_table_list(setting) if setting.is_table_list else _render_setting(setting)
    return "\n".join(lines) + "\n"


def render_markdown() -> str:
    """Render the manual's tables of settings in Markdown."""
    sections = [f"### `[{table}]`\n\n{_markdown_table(group)}" for table, group in _tables() if table]
    for setting in _lists():
        rows = _markdown_table(list_table_settings(setting))
        sections.append(f"### `[[{setting.key}]]`\n\n{_sentence(setting)}\n\n{rows}")
    return "\n\n".join(sections) + "\n"


def render_presets() -> str:
    """Render the table of the defaults that each `kind` of upstream gives other values, in Markdown."""
    (upstream,) = (setting for setting in _lists() if setting.key == "upstream")
    lines = [("Setting", "Default", "Values of the presets"), ("---",) * 3]
    for setting in list_table_settings(upstream):
        kinds: dict[str, list[str]] = {}
        for kind, preset in PRESETS.items():
            if setting.name in preset:
                kinds.setdefault(_preset_value(preset[setting.name]), []).append(kind)
        if kinds:
            values = "; ".join(f"{', '.join(names)}: `{value}`" for value, names in kinds.items())
            lines.append((f"`{setting.name}`", f"`{format_value(setting.default)}`", values))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _preset_value(value: object) -> str:
    return format_value(tuple(value) if isinstance(value, list) else value)


def render_effective(loaded: LoadedSettings) -> str:
    """Render the settings in effect as TOML, each override with its source, secrets as `***`."""
    origins = {override.key: override.origin for override in loaded.overrides}
    blocks = []
    for table, group in _tables():
        rows = [_render_row(setting, loaded.settings, origins) for setting in group if not setting.is_table_list]
        blocks += ["\n".join([f"[{table}]", *(row for row in rows if row)])] if table else []
    for setting in _lists():
        blocks += [_render_list_table(setting, one, origins) for one in _value(setting, loaded.settings)]
    further = _further_tables(loaded.settings, origins.get(FURTHER_CODEX, ""))
    text = "\n\n".join([*blocks, *further]) + "\n"
    return text.replace("[codex]\n", "[[codex]]\n", 1) if further else text


def _further_tables(settings: Settings, origin: str) -> list[str]:
    return [
        "\n".join([f"[[codex]]  # {origin}", *(f"{name} = {format_value(value)}" for name, value in _set_fields(one))])
        for one in settings.further_codex
    ]


def format_value(value: object) -> str:
    """ResponseFormat a value as TOML."""
    if isinstance(value, tuple):
        return f"[{', '.join(format_value(item) for item in value)}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return json.encode(value).decode().replace("\x7f", "\\u007f")  # JSON does not escape DEL, TOML must


def _tables() -> Iterator[tuple[str, tuple[Setting, ...]]]:
    for table, group in groupby(_written_settings(), key=lambda setting: setting.table):
        yield table, tuple(group)


def _written_settings() -> Iterator[Setting]:
    """Yield the settings that have a place of their own in a file: further tables of Codex are as the first one."""
    return (setting for setting in list_settings() if setting.key != FURTHER_CODEX)


def _lists() -> tuple[Setting, ...]:
    return tuple(setting for setting in _written_settings() if setting.is_table_list)


def _value(setting: Setting, settings: Settings) -> Any:
    return attrgetter(setting.key)(settings)


def _render_setting(setting: Setting) -> Iterator[str]:
    yield from _comment(setting)
    yield f"#{setting.name} = {_default(setting)}"


def _comment(setting: Setting) -> Iterator[str]:
    kind = describe_type(setting.kind)
    text = f"{_sentence(setting)} ({kind})" if kind.startswith("one of") else _sentence(setting)
    yield fill(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _render_table_list(setting: Setting) -> Iterator[str]:
    yield ""
    if not setting.table:
        yield from _comment(setting)
    yield f"#[[{setting.key}]]"
    for part in list_table_settings(setting):
        yield from _render_setting(part)


def _sentence(setting: Setting) -> str:
    return setting.description[0].upper() + setting.description[1:]


def _default(setting: Setting) -> str:
    return '"..."' if setting.default in (NOTHING, None) else format_value(setting.default)


def _markdown_table(rows: Iterable[Setting]) -> str:
    lines = [("Key", "Default", "Type", "Description"), ("---",) * 4, *map(_render_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _render_cells(setting: Setting) -> tuple[str, ...]:
    if setting.default is None:
        default = "none"
    else:
        default = "required" if setting.default is NOTHING else f"`{format_value(setting.default)}`"
    return f"`{setting.name}`", default, describe_type(setting.kind), _sentence(setting)


def _render_row(setting: Setting, settings: Settings, origins: dict[str, str]) -> str:
    value = _value(setting, settings)
    if value is None:
        return ""
    if setting.secret:
        value = (_REDACTED,) * len(value)
    origin = origins.get(setting.key)
    return f"{setting.name} = {format_value(value)}" + (f"  # {origin}" if origin else "")


def _render_list_table(setting: Setting, one: AttrsInstance, origins: dict[str, str]) -> str:
    rows = [f"{name} = {format_value(value)}" for name, value in _set_fields(one)]
    return "\n".join([f"[[{setting.key}]]  # {origins.get(setting.key, '')}", *rows])


def _set_fields(value: AttrsInstance) -> Iterator[tuple[str, object]]:
    for field in fields(type(value)):
        if (content := getattr(value, field.name)) is not None:
            yield field.name, content if field.repr else _REDACTED
