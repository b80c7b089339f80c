"""Strict reading of a request's fields: every complaint is a Fault that names the field.

`null` is the same as absent. Values are never quoted in messages: they may be prompts. What both dialects
share beyond plain fields is in content.py (text, images, files) and vocabulary.py (tools, sampling ...).
"""

import re
from collections.abc import Collection
from itertools import islice
from typing import Any, Final, NoReturn, TypeVar

from attrs import frozen

from codexd.neutral.fault import Refused, fault
from codexd.wire import json

MAX_DEPTH: Final = 128
"""How deep a body may nest: schemas of real tools stay under 20, and schemas are written out again."""

MAX_IGNORED: Final = 32
"""How many ignored fields are named; the names are the client's and end up in a header."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
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


def wrong_type(path: str, expected: str, value: json.Json) -> NoReturn:
    """Refuse a value for its type.

    Raises:
        Refused: always, with `wrong_type`.
    """
    message = f"Invalid type for '{path}': expected {expected}, but got {_KINDS[type(value)]} instead."
    raise Refused(fault("wrong_type", message, param=path))


def wrong_value(path: str, why: str) -> NoReturn:
    """Refuse a value of the right type; `why` completes "Invalid value for 'x': ...".

    Raises:
        Refused: always, with `wrong_value`.
    """
    raise Refused(fault("wrong_value", f"Invalid value for '{path}': {why}.", param=path))


def missing(path: str) -> NoReturn:
    """Refuse a request for what it lacks.

    Raises:
        Refused: always, with `missing`.
    """
    raise Refused(fault("missing", f"Missing required parameter: '{path}'.", param=path))


def unsupported(path: str, why: str) -> NoReturn:
    """Refuse what is valid with OpenAI and cannot be had here; `why` is a whole sentence.

    Raises:
        Refused: always, with `unsupported`.
    """
    raise Refused(fault("unsupported", why, param=path))


@frozen
class Fields:
    """One JSON object of a request; `path` is where it stands, such as `messages[0]`."""

    value: dict[str, Any]
    path: str = ""

    def at(self, name: str) -> str:
        """Give the path of a field of this object."""
        return f"{self.path}.{name}" if self.path else name

    def raw(self, name: str) -> json.Json:
        """Give a field as it came; None when absent."""
        return self.value.get(name)

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.value.get(name) is not None

    def ignored(self, known: Collection[str]) -> tuple[str, ...]:
        """Name the fields that ask for something and are not `known`: plainly named, and not too many."""
        return tuple(self.at(name) for name in self._unknown(known))

    def rest(self, known: Collection[str]) -> str:
        """Give the same fields as an object of their own, as JSON text."""
        return json.encode({name: self.value[name] for name in self._unknown(known)}).decode()

    def _unknown(self, known: Collection[str]) -> list[str]:
        asked = (name for name, value in self.value.items() if name not in known and _asks(value))
        return list(islice(filter(_PLAIN_NAME.fullmatch, asked), MAX_IGNORED))

    def text(self, name: str) -> str | None:
        """Read a string."""
        return self._typed(name, str, "a string")

    def flag(self, name: str, default: bool) -> bool:
        """Read a boolean."""
        value = self._typed(name, bool, "a boolean")
        return default if value is None else value

    def number(self, name: str, low: float, high: float) -> float | None:
        """Read a number between two limits, both included."""
        value = self.value.get(name)
        if value is None:
            return None
        if type(value) not in (int, float):
            wrong_type(self.at(name), "a number", value)
        if not low <= value <= high:
            wrong_value(self.at(name), f"expected a number between {low:g} and {high:g}")
        return float(value)

    def integer(self, name: str, low: int, high: int) -> int | None:
        """Read an integer between two limits, both included; `5.0` is one."""
        value = self.value.get(name)
        if value is None:
            return None
        if type(value) is not int and not (type(value) is float and value.is_integer()):
            wrong_type(self.at(name), "an integer", value)
        if not low <= value <= high:
            wrong_value(self.at(name), f"expected an integer between {low} and {high}")
        return int(value)

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Read a string that is one of a few."""
        value = self.text(name)
        if value is not None and value not in allowed:
            wrong_value(self.at(name), "supported values are: " + ", ".join(f"'{one}'" for one in allowed))
        return value

    def object(self, name: str) -> "Fields | None":
        """Read an object."""
        value = self._typed(name, dict, "an object")
        return None if value is None else Fields(value, self.at(name))

    def array(self, name: str) -> list[Any] | None:
        """Read an array, its elements as they came."""
        return self._typed(name, list, "an array")

    def objects(self, name: str) -> "list[Fields]":
        """Read an array of objects; empty when absent."""
        return [entry(self.at(name), index, value) for index, value in enumerate(self.array(name) or ())]

    def required_text(self, name: str) -> str:
        """Read a string that must be there."""
        return self._required(name, self.text(name))

    def required_name(self, name: str) -> str:
        """Read a string that must be there and not be empty: an id, a model."""
        value = self.required_text(name)
        if not value:
            wrong_value(self.at(name), "expected a string that is not empty")
        return value

    def required_choice(self, name: str, allowed: Collection[str]) -> str:
        """Read a string that must be there and be one of a few."""
        return self._required(name, self.choice(name, allowed))

    def required_object(self, name: str) -> "Fields":
        """Read an object that must be there."""
        return self._required(name, self.object(name))

    def required_array(self, name: str) -> list[Any]:
        """Read an array that must be there; its elements as they came."""
        return self._required(name, self.array(name))

    def _typed(self, name: str, wanted: type[_T], expected: str) -> _T | None:
        value = self.value.get(name)
        if value is None or type(value) is wanted:
            return value
        wrong_type(self.at(name), expected, value)

    def _required(self, name: str, value: _T | None) -> _T:
        if value is None:
            missing(self.at(name))
        return value


def entry(path: str, index: int, value: json.Json) -> Fields:
    """Take one element of the array at `path`, which must be an object."""
    if type(value) is not dict:
        wrong_type(f"{path}[{index}]", "an object", value)
    return Fields(value, f"{path}[{index}]")


def body(data: bytes) -> Fields:
    """Read a request's body: one JSON object.

    Raises:
        Refused: `malformed_json`, `wrong_type` when it is no object, `wrong_value` when it nests too deep.
    """
    try:
        value = json.decode(data)
    except json.Malformed:
        raise Refused(fault("malformed_json")) from None
    if type(value) is not dict:
        message = f"The body must be a JSON object, but it is {_KINDS[type(value)]}."
        raise Refused(fault("wrong_type", message))
    if _deeper(value, MAX_DEPTH):
        raise Refused(fault("wrong_value", f"The body nests deeper than {MAX_DEPTH} levels."))
    return Fields(value)


def _asks(value: json.Json) -> bool:
    """Tell whether a field asks for anything: null and false are what it is without."""
    return value is not None and value is not False


def _deeper(value: json.Json, limit: int) -> bool:
    """Tell whether a value nests deeper than `limit`: level by level, never by recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in (dict, list)
        ]
        if not level:
            return False
    return True
