"""The limits of what a request may contain: each value, item, part and tool costs time, whatever its size."""

from collections.abc import Iterator
from typing import Any, Final

from attrs import Factory, field

from codexd.neutral.fault import FaultError, fault
from codexd.neutral.records import frozen


def _find_smallest(limits: "RequestLimits") -> int:
    return min(limits.items, limits.content_parts, limits.tools)


@frozen(kw_only=True)
class RequestLimits:
    """The limits of one request; each is the setting `http.max_<name>`.

    Attributes:
        json_values: of JSON values in the body.
        items: of messages, or of items in the input or the history that it continues.
        content_parts: of parts in the content of all messages and tool outputs together.
        tools: of tools, those in namespaces and items included.
        smallest: of the numbers of elements: a text with fewer commas and brackets exceeds none.
    """

    json_values: int = 350_000
    items: int = 10_000
    content_parts: int = 20_000
    tools: int = 2048
    smallest: int = field(init=False, default=Factory(_find_smallest, takes_self=True))


DEFAULT_LIMITS: Final = RequestLimits()

_ITEMS: Final = ("messages", "input", "items")
_TOOLS: Final = ("tools", "functions")
_PARTS: Final = ("content", "output", "summary")


def raise_too_many_values(limit: int) -> None:
    """Reject a body with too many values.

    Raises:
        FaultError: always, with `too_many_values`.
    """
    message = f"The body has more than {limit} JSON values, which is this server's limit (http.max_json_values)."
    raise FaultError(fault("too_many_values", message))


def check_lengths(body: dict[str, Any], limits: RequestLimits) -> None:
    """Check the numbers of items, parts and tools of a parsed body.

    Raises:
        FaultError: `array_too_long`, with the path of the array.
    """
    for names, setting, limit in ((_ITEMS, "items", limits.items), (_TOOLS, "tools", limits.tools)):
        for name in names:
            if type(values := body.get(name)) is list:
                _check(name, len(values), limit, setting)
    _check_nested(body, _ITEMS, _PARTS, "content_parts", limits.content_parts)
    _check_nested(body, (*_ITEMS, *_TOOLS), ("tools",), "tools", limits.tools)


def check_history(count: int, limits: RequestLimits) -> None:
    """Check the number of items of a stored history that a request continues.

    Raises:
        FaultError: `history_too_large`.
    """
    if count > limits.items:
        message = (
            f"The stored history has more than {limits.items} items, which is this server's limit (http.max_items)."
        )
        raise FaultError(fault("history_too_large", message))


def _check_nested(
    body: dict[str, Any], outer: tuple[str, ...], inner: tuple[str, ...], setting: str, limit: int
) -> None:
    count = 0
    for path, values in _nested_arrays(body, outer, inner):
        count += len(values)
        _check(path, count, limit, setting)


def _nested_arrays(
    body: dict[str, Any], outer: tuple[str, ...], inner: tuple[str, ...]
) -> Iterator[tuple[str, list[Any]]]:
    for name in outer:
        values = body.get(name)
        for index, value in enumerate(values if type(values) is list else ()):
            if type(value) is dict:
                for one in inner:
                    if type(nested := value.get(one)) is list:
                        yield f"{name}[{index}].{one}", nested


def _check(path: str, count: int, limit: int, setting: str) -> None:
    if count > limit:
        message = (
            f"Invalid '{path}': array too long. Expected at most {limit} elements in total, but got {count}"
            f" (the limit is this server's setting http.max_{setting})."
        )
        raise FaultError(fault("array_too_long", message, param=path))
