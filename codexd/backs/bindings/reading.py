"""Wire values to bindings."""

from typing import Final, TypeVar

from cattrs import BaseValidationError, Converter

from codexd.wire.json import Json

_T = TypeVar("_T")


def _text(value: Json, _: type) -> str:
    # cattrs would make a string of anything; text that was not text must never reach a client.
    if type(value) is not str:
        raise TypeError
    return value


def _converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(str, _text)
    return converter


_CONVERTER: Final = _converter()


class Unexpected(ValueError):
    """The child sent something of a shape this codexd does not know."""


def structure(params: Json, kind: type[_T]) -> _T:
    """Read wire values into a binding.

    Raises:
        Unexpected: when they do not fit.
    """
    try:
        return _CONVERTER.structure(params, kind)
    except (BaseValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unexpected(f"{kind.__name__}: {type(error).__name__}") from None
