"""Builds the Settings tree from overrides; checks types and ranges with cattrs."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final, Literal, TypeVar, cast, get_args, get_origin

from attrs import AttrsInstance, fields, has
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError, IterableValidationError
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.gen import make_dict_structure_fn

from codexd.configuration.registry import describe_type, get_range
from codexd.configuration.sources import FURTHER_CODEX, ConfigurationError, Override, suggest
from codexd.policy.key_policy import is_valid_name
from codexd.settings import Settings
from codexd.settings.upstream_presets import apply_preset

T = TypeVar("T", bound=AttrsInstance)

Hook = Callable[[Any, Any], Any]

_TYPE_NAMES: Final[Mapping[type, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def structure(overrides: Sequence[Override]) -> Settings:
    """Build the tree; a key without an override keeps its default.

    Args:
        overrides: at most one per key.

    Raises:
        ConfigurationError: with every unknown key, wrong type and number out of range, each with its origin.
    """
    origins = {override.key: override.origin for override in overrides}
    return structure_tree(_build_tree(overrides), Settings, origins)


def structure_tree(tree: Mapping[str, Any], kind: type[T], origins: Mapping[str, str]) -> T:
    """Build a record from the tables of a document.

    Raises:
        ConfigurationError: with every unknown key, wrong type and number out of range, each with its origin.
    """
    try:
        return _converter().structure(tree, kind)
    except ClassValidationError as error:
        raise ConfigurationError(
            *(
                f"{_name_key(path, tree)}: {problem}{_format_origin(path, origins)}"
                for path, problem in _flatten(error, "")
            )
        ) from None


def _name_key(path: str, tree: Mapping[str, Any]) -> str:
    """Return the path of a setting with the name of its API key, or of its table of Codex, in place of its number."""
    if further := re.fullmatch(rf"{FURTHER_CODEX}\[(\d+)\](.*)", path):
        return f"codex[{int(further[1]) + 1}]{further[2]}"
    found = re.fullmatch(r"key\[(\d+)\](.*)", path)
    keys = tree.get("key")
    if found is None or not isinstance(keys, list):
        return path
    key = keys[int(found[1])]
    name = key.get("name") if isinstance(key, dict) else None
    return f"key {name!r}{found[2]}" if isinstance(name, str) and is_valid_name(name) else path


def _build_tree(overrides: Iterable[Override]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for override in overrides:
        table, dot, name = override.key.partition(".")
        if dot:
            tree.setdefault(table, {})[name] = override.value
        else:
            tree[table] = _add_presets(override.value) if override.key == "upstream" else override.value
    return tree


def _add_presets(upstreams: Any) -> Any:
    """Add the values of its preset to each upstream's table; a value of another shape is returned unchanged."""
    if not isinstance(upstreams, list):
        return upstreams
    return [apply_preset(one) if isinstance(one, dict) else one for one in upstreams]


def _format_origin(path: str, origins: Mapping[str, str]) -> str:
    origin = origins.get(path) or origins.get(path.partition("[")[0])
    return f" ({origin})" if origin else ""


def _flatten(error: Exception, path: str) -> Iterator[tuple[str, str]]:
    """Flatten cattrs' tree of errors into pairs of dotted name and message."""
    if isinstance(error, ClassValidationError):
        noted, others = error.group_exceptions()
        for inner, note in noted:
            yield from _flatten(inner, f"{path}.{note.name}".lstrip("."))
        for inner in others:
            yield from _flatten(inner, path)
    elif isinstance(error, IterableValidationError):
        for inner, index in error.group_exceptions()[0]:
            yield from _flatten(inner, f"{path}[{index.index}]")
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            prefix = f"{path}." if path else ""
            names = [field.name for field in fields(error.cl)]
            yield prefix + name, "unknown key" + suggest(name, names, prefix)
    elif isinstance(error, KeyError):
        yield path, "missing"
    else:
        yield path, str(error)


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for kind in (str, bool, int, float):
        converter.register_structure_hook(kind, _structure_scalar)
    converter.register_structure_hook(datetime, _structure_moment)
    converter.register_structure_hook_func(_is(Literal), _structure_literal)
    converter.register_structure_hook_factory(_is(Annotated), _number_hook)
    converter.register_structure_hook_factory(_is(tuple), _list_hook)
    converter.register_structure_hook_factory(has, _table_hook)
    return converter


def _is(form: object) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is form


def _structure_scalar(value: object, kind: type) -> object:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise _wrong_type(_TYPE_NAMES[kind], value)


def _structure_moment(value: object, _: Any) -> datetime:
    """Return a time of TOML, or of ISO 8601 in a string; UTC unless it has another offset."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a time such as 2027-01-31T12:00:00Z, or a date") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise _wrong_type("a time such as 2027-01-31T12:00:00Z, or a date", value)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _structure_literal(value: object, kind: Any) -> object:
    if value in get_args(kind):
        return value
    raise ValueError(f"must be {describe_type(kind)}")


def _number_hook(kind: Any, converter: Converter) -> Hook:
    plain, limits = get_args(kind)[0], get_range(kind)

    def structure_number(value: object, _: Any) -> float:
        number = cast(float, converter.structure(value, plain))
        if not limits.contains(number):
            raise ValueError(f"must be {limits}, not {number:g}")
        return number

    return structure_number


def _list_hook(kind: Any, converter: Converter) -> Hook:
    structure_items = homogenous_tuple_structure_factory(kind, converter)
    return _require_shape(list, structure_items)


def _table_hook(kind: type, converter: Converter) -> Hook:
    return _require_shape(dict, make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True))


def _require_shape(shape: type, inner: Hook) -> Hook:
    def structure_shape(value: object, kind: Any) -> object:
        if not isinstance(value, shape):
            raise _wrong_type(_TYPE_NAMES[shape], value)
        return inner(value, kind)

    return structure_shape


def _wrong_type(wanted: str, value: object) -> ValueError:
    """Build an error that names the type and never the value, which may be a misplaced key."""
    return ValueError(f"must be {wanted}, not {_TYPE_NAMES.get(type(value), type(value).__name__)}")
