"""Parses the sources of settings (TOML, environment, flags) into overrides."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args, get_origin

from attrs import frozen

from codexd.configuration.misspellings import PREFIX, describe_misspelling
from codexd.configuration.registry import Setting, list_settings, strip_annotation

CONFIG_VARIABLE: Final = PREFIX + "CONFIG"
ADMIN_KEY_VARIABLE: Final = PREFIX + "ADMIN_KEY"
"""The key that `codexd reload` and others send to a daemon; no setting of the daemon."""

FURTHER_CODEX: Final = "further_codex"
"""The field of the second and further tables `[[codex]]`; no name of a table."""

_CODEX: Final = "codex"

SHORT_VARIABLES: Final = {
    "CODEXD_API_KEYS": "http.api_keys",
    "CODEXD_CODEX": "codex.binary",
    "CODEXD_LISTEN": "http.listen",
}
_BOOLEANS: Final = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


class ConfigurationError(ValueError):
    """The settings are wrong; every problem starts with the name of its setting.

    Attributes:
        problems: one sentence each.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UnreadableFileError(ConfigurationError):
    """A file that the settings name cannot be read."""


@frozen(repr=False)
class Override:
    """A value for one setting, which replaces its default.

    Attributes:
        key: the setting's dotted name.
        value: the value as TOML represents it, unchecked.
        origin: the source: a file name, a variable or a flag.
    """

    key: str
    value: object
    origin: str


def parse_toml(text: str, name: str) -> Iterator[Override]:
    """Parse a TOML document.

    Raises:
        ConfigurationError: when the text is not TOML or has an unknown table or a key outside a table.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: not valid TOML: {error}") from error
    if problems := [*_find_misplaced(document, name)]:
        raise ConfigurationError(*problems)
    for table, content in _split_homes(document):
        if table in _top_level_lists() or table == FURTHER_CODEX:
            yield Override(table, content, name)
        else:
            yield from (Override(f"{table}.{key}", value, name) for key, value in content.items())


def _split_homes(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the tables of a document: the first of several tables `[[codex]]` is as the only table `[codex]`."""
    for table, content in document.items():
        if table == _CODEX and isinstance(content, list):
            yield table, content[0] if content else {}
            yield FURTHER_CODEX, content[1:]
        else:
            yield table, content


def _is_table(key: str, content: object) -> bool:
    tables = content if key == _CODEX and isinstance(content, list) else [content]
    return all(isinstance(one, dict) for one in tables)


def _top_level_lists() -> list[str]:
    """Return the names of the top-level lists of tables, such as `[[upstream]]`."""
    return [setting.key for setting in list_settings() if not setting.table and setting.key != FURTHER_CODEX]


def _find_misplaced(document: Mapping[str, object], name: str) -> Iterator[str]:
    named = dict.fromkeys(setting.table or setting.key for setting in list_settings())
    tables = [name for name in named if name != FURTHER_CODEX]
    for key, content in document.items():
        if key in _top_level_lists():
            continue
        if key not in tables:
            what = "table" if isinstance(content, dict) else "key"
            yield f"{key}: unknown {what}{suggest(key, tables)} ({name})"
        elif not _is_table(key, content):
            yield f"{key}: must be a table ({name})"


def parse_environ(environ: Mapping[str, str]) -> Iterator[Override]:
    """Parse the variables `CODEXD_<TABLE>_<KEY>` and their short forms; an empty variable counts as not set.

    Other variables that begin with `CODEXD_` are ignored unless they look like a setting (`foreign_variables`).

    Raises:
        ConfigurationError: for a misspelled variable, or two variables of one setting.
    """
    known = _variables()
    given = _given(environ)
    names = [name for name in given if name in known]
    problems = [problem for name in given if name not in known and (problem := _describe_unknown(name))]
    problems += _find_duplicates(names, known)
    if problems:
        raise ConfigurationError(*problems)
    yield from (Override(known[name].key, parse_text(known[name], environ[name]), name) for name in names)


def parse_flag(key: str, text: str, flag: str) -> Override:
    """Parse a flag with one value."""
    setting = next(setting for setting in list_settings() if setting.key == key)
    return Override(key, parse_text(setting, text), flag)


def parse_text(setting: Setting, text: str) -> object:
    """Convert the text of a variable or flag into the value that TOML would have.

    Lists are separated by commas; endpoints, which may contain commas, by white space or `;`. Text that
    cannot be converted is returned unchanged, and the later type check reports it.
    """
    if get_origin(setting.kind) is tuple:
        items = text.replace(";", " ").split() if setting.name == "listen" else text.split(",")
        kind = get_args(setting.kind)[0]
        return [_parse_scalar(kind, item) for item in items if item.strip()]
    return _parse_scalar(setting.kind, text)


def _parse_scalar(kind: Any, text: str) -> object:
    readers: dict[Any, Any] = {bool: _BOOLEANS.__getitem__, int: int, float: float}
    try:
        return readers[strip_annotation(kind)](text.strip().lower())
    except (KeyError, ValueError):
        return text.strip()


def suggest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return the end of an error message about an unknown name: the closest known name, if there is one."""
    near = get_close_matches(name, list(names), n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def find_foreign_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables that begin with `CODEXD_` and are no settings: they have no effect."""
    known = _variables()
    return tuple(name for name in _given(environ) if name not in known and not _describe_unknown(name))


def _describe_unknown(name: str) -> str:
    tables = dict.fromkeys(setting.table for setting in list_settings() if setting.table)
    return describe_misspelling(name, (*_variables(), CONFIG_VARIABLE, ADMIN_KEY_VARIABLE), tables)


def _given(environ: Mapping[str, str]) -> list[str]:
    names = (name for name, text in sorted(environ.items()) if name.startswith(PREFIX) and text)
    return [name for name in names if name not in (CONFIG_VARIABLE, ADMIN_KEY_VARIABLE)]


def _variables() -> dict[str, Setting]:
    by_key = {setting.key: setting for setting in list_settings() if not setting.is_table_list}
    full = {setting.variable: setting for setting in by_key.values()}
    return full | {name: by_key[key] for name, key in SHORT_VARIABLES.items()}


def _find_duplicates(names: Iterable[str], known: Mapping[str, Setting]) -> list[str]:
    by_key: dict[str, list[str]] = {}
    for name in names:
        if name in known:
            by_key.setdefault(known[name].key, []).append(name)
    return [f"{' and '.join(twice)}: both set {key}; remove one" for key, twice in by_key.items() if len(twice) > 1]
