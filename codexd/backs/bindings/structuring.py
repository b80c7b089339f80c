"""Structures wire values as bindings."""

from typing import Final, TypeVar

from cattrs import BaseValidationError, Converter

from codexd.wire.json import Json

_T = TypeVar("_T")


def _structure_text(value: Json, _: type) -> str:
    # cattrs would convert any value to a string; a value that is not text must never reach a client.
    if type(value) is not str:
        raise TypeError
    return value


def _build_converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(str, _structure_text)
    return converter


_CONVERTER: Final = _build_converter()


class UnexpectedShapeError(ValueError):
    """The child sent a message in a shape that this codexd does not support."""


def structure(params: Json, kind: type[_T]) -> _T:
    """Structure wire values as a binding.

    Raises:
        UnexpectedShapeError: when the values do not fit the binding.
    """
    try:
        return _CONVERTER.structure(params, kind)
    except (BaseValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedShapeError(f"{kind.__name__}: {type(error).__name__}") from None
