"""Choices -> Settings: types and ranges checked, every problem told with its dotted name and its origin."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, cast, get_args, get_origin

from attrs import fields, has
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError, IterableValidationError
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.gen import make_dict_structure_fn

from codexd.configuration.catalogue import in_words, range_of
from codexd.configuration.sources import Choice, Misconfigured, suggestion
from codexd.settings import Settings

Hook = Callable[[Any, Any], Any]

_TYPE_WORDS: Final[Mapping[type, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def structure(choices: Sequence[Choice]) -> Settings:
    """Build the tree; a key nobody chose keeps its default.

    Args:
        choices: at most one a key.

    Raises:
        Misconfigured: with every unknown key, wrong type and number out of range.
    """
    try:
        return _converter().structure(_nested(choices), Settings)
    except ClassValidationError as error:
        origins = {choice.key: choice.origin for choice in choices}
        raise Misconfigured(
            *(f"{path}: {problem}{_origin(path, origins)}" for path, problem in _problems(error, ""))
        ) from None


def _nested(choices: Iterable[Choice]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for choice in choices:
        table, dot, name = choice.key.partition(".")
        if dot:
            tree.setdefault(table, {})[name] = choice.value
        else:
            tree[table] = choice.value
    return tree


def _origin(path: str, origins: Mapping[str, str]) -> str:
    origin = origins.get(path) or origins.get(path.partition("[")[0])
    return f" ({origin})" if origin else ""


def _problems(error: Exception, path: str) -> Iterator[tuple[str, str]]:
    """Flatten cattrs' tree of errors into (dotted name, sentence)."""
    if isinstance(error, ClassValidationError):
        noted, others = error.group_exceptions()
        for inner, note in noted:
            yield from _problems(inner, f"{path}.{note.name}".lstrip("."))
        for inner in others:
            yield from _problems(inner, path)
    elif isinstance(error, IterableValidationError):
        for inner, index in error.group_exceptions()[0]:
            yield from _problems(inner, f"{path}[{index.index}]")
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            prefix = f"{path}." if path else ""
            names = [field.name for field in fields(error.cl)]
            yield prefix + name, "unknown key" + suggestion(name, names, prefix)
    elif isinstance(error, KeyError):
        yield path, "missing"
    else:
        yield path, str(error)


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for kind in (str, bool, int, float):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook_func(_is(Literal), _one_of)
    converter.register_structure_hook_factory(_is(Annotated), _in_range)
    converter.register_structure_hook_factory(_is(tuple), _listed)
    converter.register_structure_hook_factory(has, _table)
    return converter


def _is(form: object) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is form


def _exactly(value: object, kind: type) -> object:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise _wrong(_TYPE_WORDS[kind], value)


def _one_of(value: object, kind: Any) -> object:
    if value in get_args(kind):
        return value
    raise ValueError(f"must be {in_words(kind)}")


def _in_range(kind: Any, converter: Converter) -> Hook:
    plain, limits = get_args(kind)[0], range_of(kind)

    def structure_number(value: object, _: Any) -> float:
        number = cast(float, converter.structure(value, plain))
        if not limits.holds(number):
            raise ValueError(f"must be {limits}, not {number:g}")
        return number

    return structure_number


def _listed(kind: Any, converter: Converter) -> Hook:
    structure_items = homogenous_tuple_structure_factory(kind, converter)
    return _only(list, structure_items)


def _table(kind: type, converter: Converter) -> Hook:
    return _only(dict, make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True))


def _only(shape: type, inner: Hook) -> Hook:
    def structure_shape(value: object, kind: Any) -> object:
        if not isinstance(value, shape):
            raise _wrong(_TYPE_WORDS[shape], value)
        return inner(value, kind)

    return structure_shape


def _wrong(wanted: str, value: object) -> ValueError:
    """Name the type, never the value: it may be a key in the wrong place."""
    return ValueError(f"must be {wanted}, not {_TYPE_WORDS.get(type(value), type(value).__name__)}")
