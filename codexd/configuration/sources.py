"""Where settings come from: every source is read into the same thing, a list of choices."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, get_origin

from attrs import frozen

from codexd.configuration.catalogue import Entry, bare, entries

CONFIG_VARIABLE: Final = "CODEXD_CONFIG"
SHORT_VARIABLES: Final = {
    "CODEXD_API_KEYS": "http.api_keys",
    "CODEXD_CODEX": "codex.binary",
    "CODEXD_LISTEN": "http.listen",
}
_TRUTH: Final = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "0"), False
)


class Misconfigured(ValueError):
    """What a person chose cannot be served; every problem names its setting.

    Attributes:
        problems: one sentence each.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@frozen(repr=False)
class Choice:
    """One setting somebody chose.

    Attributes:
        key: the setting's dotted name.
        value: as TOML has it; not checked yet.
        origin: where it was chosen: a file's name, a variable, a flag.
    """

    key: str
    value: object
    origin: str


def from_toml(text: str, name: str) -> Iterator[Choice]:
    """Read a TOML document.

    Raises:
        Misconfigured: when it is not TOML, or what is in it stands in no table of ours.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{name}: not TOML: {error}") from error
    if problems := [*_misplaced(document, name)]:
        raise Misconfigured(*problems)
    for table, content in document.items():
        if table in _lists():
            yield Choice(table, content, name)
        else:
            yield from (Choice(f"{table}.{key}", value, name) for key, value in content.items())


def _lists() -> list[str]:
    """Name the lists of tables that stand at the top, such as `[[upstream]]`."""
    return [entry.key for entry in entries() if not entry.table]


def _misplaced(document: Mapping[str, object], name: str) -> Iterator[str]:
    tables = list(dict.fromkeys(entry.table or entry.key for entry in entries()))
    for key, content in document.items():
        if key in _lists():
            continue
        if key not in tables:
            what = "table" if isinstance(content, dict) else "key"
            yield f"{key}: unknown {what}{suggestion(key, tables)} ({name})"
        elif not isinstance(content, dict):
            yield f"{key}: must be a table ({name})"


def from_environ(environ: Mapping[str, str]) -> Iterator[Choice]:
    """Read the variables `CODEXD_<TABLE>_<KEY>` and their short forms; an empty one counts as not set.

    Raises:
        Misconfigured: for an unknown variable, or one setting chosen by two of them.
    """
    known = _variables()
    given = [name for name, text in sorted(environ.items()) if name.startswith("CODEXD_") and text]
    names = [name for name in given if name != CONFIG_VARIABLE]
    problems = [_unknown(name, known) for name in names if name not in known]
    problems += _chosen_twice(names, known)
    if problems:
        raise Misconfigured(*problems)
    yield from (Choice(known[name].key, spelled(known[name], environ[name]), name) for name in names)


def from_flag(key: str, text: str, flag: str) -> Choice:
    """Read a flag that sets one value."""
    entry = next(entry for entry in entries() if entry.key == key)
    return Choice(key, spelled(entry, text), flag)


def spelled(entry: Entry, text: str) -> object:
    """Turn a variable's text into what TOML would have there.

    Lists are separated by commas; endpoints, which may hold commas, by white space or `;`. What cannot be
    read stays text, and the check of its type says what was wanted.
    """
    if get_origin(entry.kind) is tuple:
        items = text.replace(";", " ").split() if entry.name == "listen" else text.split(",")
        return [item.strip() for item in items if item.strip()]
    readers: dict[Any, Any] = {bool: _TRUTH.__getitem__, int: int, float: float}
    try:
        return readers[bare(entry.kind)](text.strip().lower())
    except (KeyError, ValueError):
        return text.strip()


def suggestion(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Give the end of a sentence about an unknown name: the nearest one that exists, if any is near."""
    near = get_close_matches(name, list(names), n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def _variables() -> dict[str, Entry]:
    by_key = {entry.key: entry for entry in entries() if not entry.only_in_toml}
    full = {entry.variable: entry for entry in by_key.values()}
    return full | {name: by_key[key] for name, key in SHORT_VARIABLES.items()}


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"{name}: unknown variable{suggestion(name, (*known, CONFIG_VARIABLE))}"


def _chosen_twice(names: Iterable[str], known: Mapping[str, Entry]) -> list[str]:
    by_key: dict[str, list[str]] = {}
    for name in names:
        if name in known:
            by_key.setdefault(known[name].key, []).append(name)
    return [
        f"{' and '.join(twice)}: both set {key}; keep one" for key, twice in by_key.items() if len(twice) > 1
    ]
