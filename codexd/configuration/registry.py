"""The list of all settings, derived from the classes of the tree; used by the loader and the manual."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from inspect import cleandoc
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from attrs import NOTHING, Attribute, fields, frozen, has

from codexd.settings import Range, Settings

_TYPE_NAMES: Final = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    datetime: "date and time",
}


@frozen(kw_only=True)
class Setting:
    """One setting.

    Attributes:
        key: the dotted name, such as `http.listen`.
        kind: the annotated type in the tree.
        default: NOTHING when the setting is required.
        description: the sentences of the tree's docstring.
        secret: whether the value must never be shown.
    """

    key: str
    kind: Any
    default: object
    description: str
    secret: bool

    @property
    def table(self) -> str:
        """The TOML table of the setting, empty at the top level."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The name within its table."""
        return self.key.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable of the setting."""
        return "CODEXD_" + self.key.replace(".", "_").upper()

    @property
    def is_table_list(self) -> bool:
        """Whether the setting is a list of tables, which only TOML can express."""
        return _is_table_list(self.kind)


@cache
def list_settings() -> tuple[Setting, ...]:
    """Return all settings in the order of the tree, without the settings of tables in lists."""
    found: list[Setting] = []
    for listed in _read_table("", Settings):
        found += [listed] if listed.is_table_list else _read_table(listed.key + ".", listed.kind)
    return tuple(found)


@cache
def list_table_settings(setting: Setting) -> tuple[Setting, ...]:
    """Return the settings of one table of a list of tables, such as `[[models.alias]]`."""
    return tuple(_read_table(setting.key + ".", get_args(setting.kind)[0]))


def _is_table_list(kind: Any) -> bool:
    return get_origin(kind) is tuple and has(get_args(kind)[0])


def strip_annotation(kind: Any) -> Any:
    """Return the type inside `Annotated`, other types unchanged."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def describe_type(kind: Any) -> str:
    """Return the values that a type accepts in words, such as `whole number, at least 1`."""
    if get_origin(kind) in (Union, UnionType):  # `None`, the default of such a setting, cannot be written in TOML
        return describe_type(get_args(kind)[0])
    if get_origin(kind) is Annotated:
        plain, limits = get_args(kind)
        return f"{describe_type(plain)}, {limits}"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if get_origin(kind) is tuple:
        return "list of tables" if _is_table_list(kind) else f"list of {describe_type(get_args(kind)[0])}"
    return _TYPE_NAMES.get(kind, "text")


def get_range(kind: Any) -> Range:
    """Return the range of an annotated numeric type."""
    limits = get_args(kind)[1]
    assert isinstance(limits, Range)
    return limits


def _read_table(prefix: str, table: type) -> Iterator[Setting]:
    descriptions = _read_descriptions(table)
    for field in fields(table):
        yield Setting(
            key=prefix + field.name,
            kind=field.type,
            default=_default(field),
            description=descriptions.get(field.name, ""),
            secret=not field.repr,
        )


def _default(field: "Attribute[Any]") -> object:
    return NOTHING if field.default is NOTHING else field.default


def _read_descriptions(table: type) -> dict[str, str]:
    """Return the `Attributes:` section of a docstring: field name to description, on one line."""
    _, _, section = cleandoc(table.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).strip() for name, text in found}
