"""Strict parsing of a URL's query; every error is a Fault that names the parameter.

Unknown parameters are ignored, as OpenAI does, unless `check_names` is called. Lists are spelt `include=a&include=b` or
`include[]=a&include[]=b` (OpenAI's SDKs).
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from codexd.fronts.json_fields import PLAIN_NAME, raise_wrong_value
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.records import frozen

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


@frozen
class Query:
    """The parameters of a query, each with its values in order."""

    _values: Mapping[str, list[str]]

    def check_names(self, known: Collection[str]) -> None:
        """Refuse a parameter that is not known. Its name is shown if it is a plain one.

        Raises:
            FaultError: `unsupported`, naming the parameter.
        """
        unknown = next((name for name in self._values if name not in known), None)
        if unknown is not None:
            name = unknown if PLAIN_NAME.fullmatch(unknown) else None
            which = "Unknown parameter" if name is None else f"Unknown parameter: '{name}'"
            supported = ", ".join(one for one in known if not one.endswith("[]")) or "none"
            raise FaultError(fault("unsupported", f"{which}. Supported parameters are: {supported}.", param=name))

    def text(self, name: str) -> str | None:
        """Return a parameter that may occur once; an empty one is None."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise_wrong_value(name, "expected a single value")
        return values[0] if values and values[0] else None

    def integer(self, name: str, low: int, high: int) -> int | None:
        """Return an integer between two limits, both included."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value) or not low <= int(value) <= high:
            raise_wrong_value(name, f"expected an integer between {low} and {high}")
        return int(value)

    def flag(self, name: str) -> bool:
        """Return a boolean; false if absent."""
        return _FLAGS[self.choice(name, _FLAGS) or "false"]

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return a string that is one of the allowed ones."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise_wrong_value(name, "supported values are: " + ", ".join(f"'{one}'" for one in allowed))
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list."""
        return (*self._values.get(name, ()), *self._values.get(f"{name}[]", ()))
