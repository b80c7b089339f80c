"""Strict parsing of request fields; every error is a Fault that names the field.

`null` is the same as absent. Error messages never quote values, as they may be prompts. The parsers that the
dialects share are in content.py (text, images, files) and parameters.py (tools, sampling ...).
"""

import re
from collections.abc import Collection
from itertools import islice
from typing import Any, Final, NoReturn, TypeVar

from codexd.fronts.limits import DEFAULT_LIMITS, RequestLimits, check_lengths, raise_too_many_values
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.records import frozen
from codexd.wire import json, json_size, long_strings

MAX_DEPTH: Final = 128
"""The maximum nesting depth of a body: schemas of real tools stay under 20, and schemas are encoded again."""

MAX_IGNORED: Final = 32
"""The maximum number of ignored fields to list; their names come from the client and go into a header."""

PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
"""The name of a field that may be listed."""

_OFF: Final = frozenset(("async", "defer_loading", "include_obfuscation", "store"))
"""Fields of which false is what codexd does anyway. Any other field may mean something by false."""

_T = TypeVar("_T")

_KINDS: Final[dict[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def raise_wrong_type(path: str, expected: str, value: json.Json) -> NoReturn:
    """Reject a value for its type.

    Raises:
        FaultError: always, with `wrong_type`.
    """
    message = f"Invalid type for '{path}': expected {expected}, but got {_KINDS[type(value)]} instead."
    raise FaultError(fault("wrong_type", message, param=path))


def raise_wrong_value(path: str, why: str) -> NoReturn:
    """Reject a value of the right type; `why` completes "Invalid value for 'x': ...".

    Raises:
        FaultError: always, with `wrong_value`.
    """
    raise FaultError(fault("wrong_value", f"Invalid value for '{path}': {why}.", param=path))


def raise_missing(path: str) -> NoReturn:
    """Reject a request that lacks a required field.

    Raises:
        FaultError: always, with `missing`.
    """
    raise FaultError(fault("missing", f"Missing required parameter: '{path}'.", param=path))


def raise_unsupported(path: str, why: str) -> NoReturn:
    """Reject a value that OpenAI accepts and codexd does not support; `why` is a whole sentence.

    Raises:
        FaultError: always, with `unsupported`.
    """
    raise FaultError(fault("unsupported", why, param=path))


@frozen
class Fields:
    """One JSON object of a request; `path` is its position in the body, such as `messages[0]`."""

    value: dict[str, Any]
    path: str = ""

    def at(self, name: str) -> str:
        """Return the path of a field of this object."""
        return f"{self.path}.{name}" if self.path else name

    def raw(self, name: str) -> json.Json:
        """Return a field unparsed; None if absent."""
        return self.value.get(name)

    def has(self, name: str) -> bool:
        """Return whether a field is present and not null."""
        return self.value.get(name) is not None

    def ignored(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the paths of set fields that are not `known`: plain names only, at most `MAX_IGNORED`."""
        return tuple(self.at(name) for name in self._unknown(known) if is_set(name, self.value[name]))

    def rest(self, known: Collection[str]) -> str:
        """Return the same fields as one JSON object, encoded."""
        return json.encode({name: self.value[name] for name in self._unknown(known)}).decode()

    def _unknown(self, known: Collection[str]) -> list[str]:
        asked = (name for name, value in self.value.items() if name not in known and value is not None)
        return list(islice(filter(PLAIN_NAME.fullmatch, asked), MAX_IGNORED))

    def text(self, name: str) -> str | None:
        """Return a string."""
        return self._typed(name, str, "a string")

    def flag(self, name: str, default: bool) -> bool:
        """Return a boolean."""
        value = self._typed(name, bool, "a boolean")
        return default if value is None else value

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a number between two limits, both included."""
        value = self.value.get(name)
        if value is None:
            return None
        if type(value) not in (int, float):
            raise_wrong_type(self.at(name), "a number", value)
        if not low <= value <= high:
            raise_wrong_value(self.at(name), f"expected a number between {low:g} and {high:g}")
        return float(value)

    def integer(self, name: str, low: int, high: int) -> int | None:
        """Return an integer between two limits, both included; `5.0` is one."""
        value = self.value.get(name)
        if value is None:
            return None
        if type(value) is not int and not (type(value) is float and value.is_integer()):
            raise_wrong_type(self.at(name), "an integer", value)
        if not low <= value <= high:
            raise_wrong_value(self.at(name), f"expected an integer between {low} and {high}")
        return int(value)

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return a string that is one of the allowed ones."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise_wrong_value(self.at(name), "supported values are: " + ", ".join(f"'{one}'" for one in allowed))
        return value

    def object(self, name: str) -> "Fields | None":
        """Return an object."""
        value = self._typed(name, dict, "an object")
        return None if value is None else Fields(value, self.at(name))

    def array(self, name: str) -> list[Any] | None:
        """Return an array, its elements unparsed."""
        return self._typed(name, list, "an array")

    def objects(self, name: str) -> "list[Fields]":
        """Return an array of objects; empty if absent."""
        return [parse_element(self.at(name), index, value) for index, value in enumerate(self.array(name) or ())]

    def required_text(self, name: str) -> str:
        """Return a required string."""
        return self._required(name, self.text(name))

    def required_name(self, name: str) -> str:
        """Return a required string that must not be empty, such as an id or a model."""
        value = self.required_text(name)
        if not value:
            raise_wrong_value(self.at(name), "expected a string that is not empty")
        return value

    def required_choice(self, name: str, allowed: Collection[str]) -> str:
        """Return a required string that is one of the allowed ones."""
        return self._required(name, self.choice(name, allowed))

    def required_object(self, name: str) -> "Fields":
        """Return a required object."""
        return self._required(name, self.object(name))

    def required_array(self, name: str) -> list[Any]:
        """Return a required array, its elements unparsed."""
        return self._required(name, self.array(name))

    def _typed(self, name: str, expected_type: type[_T], expected: str) -> _T | None:
        value = self.value.get(name)
        if value is None or type(value) is expected_type:
            return value
        raise_wrong_type(self.at(name), expected, value)

    def _required(self, name: str, value: _T | None) -> _T:
        if value is None:
            raise_missing(self.at(name))
        return value


def parse_element(path: str, index: int, value: json.Json) -> Fields:
    """Parse one element of the array at `path`, which must be an object."""
    if type(value) is not dict:
        raise_wrong_type(f"{path}[{index}]", "an object", value)
    return Fields(value, f"{path}[{index}]")


def parse_body(data: bytes, limits: RequestLimits = DEFAULT_LIMITS) -> Fields:
    """Parse a request body: one JSON object.

    Raises:
        FaultError: `malformed_json`, `wrong_type` if it is not an object, `wrong_value` if it nests too deep,
            `too_many_values` or `array_too_long` if it exceeds the limits.
    """
    marks = json_size.count_marks(data)
    if marks > limits.json_values and json_size.has_more_values(data, limits.json_values):
        raise_too_many_values(limits.json_values)
    try:
        value = long_strings.decode(data)
    except json.JsonError:
        raise FaultError(fault("malformed_json")) from None
    if type(value) is not dict:
        message = f"The body must be a JSON object, but it is {_KINDS[type(value)]}."
        raise FaultError(fault("wrong_type", message))
    if marks > MAX_DEPTH and json_size.count_openings(data) > MAX_DEPTH and json.nests_deeper(value, MAX_DEPTH):
        raise FaultError(fault("wrong_value", f"The body nests deeper than {MAX_DEPTH} levels."))
    if marks >= limits.smallest:
        check_lengths(value, limits)
    return Fields(value)


def is_set(name: str, value: json.Json) -> bool:
    """Return whether a field asks for something: null is the same as absent, and false is where nothing is on."""
    return value is not None and not (value is False and name in _OFF)
