"""Strict reading of a URL's query; every complaint is a Fault that names the parameter.

Parameters nobody reads are passed over, as OpenAI does. Lists are spelt `include=a&include=b` or
`include[]=a&include[]=b` (OpenAI's SDKs).
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from attrs import frozen

from codexd.fronts.reading import wrong_value

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


@frozen
class Query:
    """A query's parameters, each with its values in order."""

    _values: Mapping[str, list[str]]

    def text(self, name: str) -> str | None:
        """Read a parameter that may be given once; an empty one is none."""
        values = self._values.get(name, [])
        if len(values) > 1:
            wrong_value(name, "expected it once")
        return values[0] if values and values[0] else None

    def integer(self, name: str, low: int, high: int) -> int | None:
        """Read an integer between two limits, both included."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value) or not low <= int(value) <= high:
            wrong_value(name, f"expected an integer between {low} and {high}")
        return int(value)

    def flag(self, name: str) -> bool:
        """Read a boolean that is false where it is not given."""
        return _FLAGS[self.choice(name, _FLAGS) or "false"]

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Read one of a few words."""
        value = self.text(name)
        if value is not None and value not in allowed:
            wrong_value(name, "supported values are: " + ", ".join(f"'{one}'" for one in allowed))
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list."""
        return (*self._values.get(name, ()), *self._values.get(f"{name}[]", ()))
