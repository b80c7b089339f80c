"""The settings as a person reads them: a commented TOML file, tables for the manual, what is in force now."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from textwrap import fill
from typing import Any

from attrs import NOTHING, AttrsInstance, fields

from codexd.configuration import Loaded
from codexd.configuration.catalogue import Entry, entries, in_words, parts
from codexd.settings import Settings
from codexd.wire import json

_REDACTED = "***"


def commented_toml() -> str:
    """Write a configuration file in which every setting is explained and left at its default."""
    lines = [
        "# codexd: every setting, with its default. Take the # off what you change.",
        "# Flags win over CODEXD_* variables, those over this file; `codexd check-config` shows the result.",
    ]
    for table, group in _tables():
        lines += ["", f"[{table}]"] if table else []
        for entry in sorted(group, key=lambda entry: entry.only_in_toml):
            lines += _commented_tables(entry) if entry.only_in_toml else _commented(entry)
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """Write the manual's tables of settings."""
    sections = [f"### `[{table}]`\n\n{_markdown_table(group)}" for table, group in _tables() if table]
    for entry in _lists():
        sections.append(f"### `[[{entry.key}]]`\n\n{_sentence(entry)}\n\n{_markdown_table(parts(entry))}")
    return "\n\n".join(sections) + "\n"


def in_force(loaded: Loaded) -> str:
    """Write the settings in force as TOML; what somebody chose says where, secrets are not shown."""
    origins = {choice.key: choice.origin for choice in loaded.choices}
    blocks = []
    for table, group in _tables():
        rows = [_row(entry, loaded.settings, origins) for entry in group if not entry.only_in_toml]
        blocks += ["\n".join([f"[{table}]", *(row for row in rows if row)])] if table else []
    for entry in _lists():
        blocks += [_block(entry, one, origins) for one in _value(entry, loaded.settings)]
    return "\n\n".join(blocks) + "\n"


def toml(value: object) -> str:
    """Spell a value as TOML does."""
    if isinstance(value, tuple):
        return f"[{', '.join(toml(item) for item in value)}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return json.encode(value).decode().replace("\x7f", "\\u007f")  # the one character JSON leaves as it is


def _tables() -> Iterator[tuple[str, tuple[Entry, ...]]]:
    for table, group in groupby(entries(), key=lambda entry: entry.table):
        yield table, tuple(group)


def _lists() -> tuple[Entry, ...]:
    return tuple(entry for entry in entries() if entry.only_in_toml)


def _value(entry: Entry, settings: Settings) -> Any:
    return attrgetter(entry.key)(settings)


def _commented(entry: Entry) -> Iterator[str]:
    yield from _explained(entry)
    yield f"#{entry.name} = {_default(entry)}"


def _explained(entry: Entry) -> Iterator[str]:
    kind = in_words(entry.kind)
    text = f"{_sentence(entry)} ({kind})" if kind.startswith("one of") else _sentence(entry)
    yield fill(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _commented_tables(entry: Entry) -> Iterator[str]:
    yield ""
    if not entry.table:
        yield from _explained(entry)
    yield f"#[[{entry.key}]]"
    for part in parts(entry):
        yield from _commented(part)


def _sentence(entry: Entry) -> str:
    return entry.meaning[0].upper() + entry.meaning[1:]


def _default(entry: Entry) -> str:
    return '"..."' if entry.default in (NOTHING, None) else toml(entry.default)


def _markdown_table(rows: Iterable[Entry]) -> str:
    lines = [("Key", "Default", "Takes", "Meaning"), ("---",) * 4, *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(entry: Entry) -> tuple[str, ...]:
    if entry.default is None:
        default = "none"
    else:
        default = "required" if entry.default is NOTHING else f"`{toml(entry.default)}`"
    return f"`{entry.name}`", default, in_words(entry.kind), _sentence(entry)


def _row(entry: Entry, settings: Settings, origins: dict[str, str]) -> str:
    value = _value(entry, settings)
    if value is None:
        return ""
    if entry.secret:
        value = (_REDACTED,) * len(value)
    origin = origins.get(entry.key)
    return f"{entry.name} = {toml(value)}" + (f"  # {origin}" if origin else "")


def _block(entry: Entry, one: AttrsInstance, origins: dict[str, str]) -> str:
    rows = [f"{name} = {toml(value)}" for name, value in _given(one)]
    return "\n".join([f"[[{entry.key}]]  # {origins.get(entry.key, '')}", *rows])


def _given(value: AttrsInstance) -> Iterator[tuple[str, object]]:
    for field in fields(type(value)):
        if (content := getattr(value, field.name)) is not None:
            yield field.name, content
