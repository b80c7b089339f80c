"""Every setting there is, read off the tree itself: the one list that the loader and the manual share."""

import re
from collections.abc import Iterator
from functools import cache
from inspect import cleandoc
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from attrs import NOTHING, Attribute, fields, frozen, has

from codexd.settings import Range, Settings

_WORDS: Final = {str: "text", bool: "true or false", int: "whole number", float: "number"}


@frozen
class Entry:
    """One setting.

    Attributes:
        key: its dotted name, such as `http.listen`.
        kind: its type as annotated in the tree.
        default: NOTHING where it must be given.
        meaning: one sentence from the tree's docstring.
        secret: whether its value may never be shown.
    """

    key: str
    kind: Any
    default: object
    meaning: str
    secret: bool

    @property
    def table(self) -> str:
        """Name the TOML table it stands in."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Name it within its table."""
        return self.key.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """Name the environment variable that sets it."""
        return "CODEXD_" + self.key.replace(".", "_").upper()

    @property
    def only_in_toml(self) -> bool:
        """Tell whether it is a list of tables, which a variable cannot spell."""
        return _is_tables(self.kind)


@cache
def entries() -> tuple[Entry, ...]:
    """List every setting in the order of the tree, without what a list's tables are made of."""
    found: list[Entry] = []
    for listed in _entries("", Settings):
        found += [listed] if listed.only_in_toml else _entries(listed.key + ".", listed.kind)
    return tuple(found)


@cache
def parts(entry: Entry) -> tuple[Entry, ...]:
    """List what one table of a list of tables, such as `[[models.alias]]`, is made of."""
    return tuple(_entries(entry.key + ".", get_args(entry.kind)[0]))


def _is_tables(kind: Any) -> bool:
    return get_origin(kind) is tuple and has(get_args(kind)[0])


def bare(kind: Any) -> Any:
    """Take off what an annotated type only adds."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def in_words(kind: Any) -> str:
    """Say which values a type takes, for a person: `whole number, at least 1`."""
    if get_origin(kind) is Annotated:
        plain, limits = get_args(kind)
        return f"{in_words(plain)}, {limits}"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if get_origin(kind) is tuple:
        return "list of tables" if _is_tables(kind) else f"list of {in_words(get_args(kind)[0])}"
    return _WORDS.get(kind, "text")


def range_of(kind: Any) -> Range:
    """Give the range an annotated number must keep to."""
    limits = get_args(kind)[1]
    assert isinstance(limits, Range)
    return limits


def _entries(prefix: str, table: type) -> Iterator[Entry]:
    meanings = _meanings(table)
    for field in fields(table):
        yield Entry(
            key=prefix + field.name,
            kind=field.type,
            default=_default(field),
            meaning=meanings.get(field.name, ""),
            secret=not field.repr,
        )


def _default(field: "Attribute[Any]") -> object:
    return NOTHING if field.default is NOTHING else field.default


def _meanings(table: type) -> dict[str, str]:
    """Read the `Attributes:` section of a docstring: what each field means, on one line."""
    _, _, section = cleandoc(table.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).strip() for name, text in found}
