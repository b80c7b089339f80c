"""Tells a call from its echo: some models both make a call and write it into their text."""

from collections import Counter

from codexd.wire import json

Form = tuple[str, str]
"""A tool's name, and its arguments so written that equal ones are equal."""


def form(name: str, arguments: str) -> Form:
    """Give what two calls have in common if one is the other's echo."""
    try:
        return name, json.canonical(json.decode(arguments or "{}")).decode()
    except json.Malformed:
        return name, arguments


class Echoes:
    """The calls of one answer. A call of one way cancels one equal call of the other way, and no more."""

    def __init__(self) -> None:
        self._written: Counter[Form] = Counter()
        self._made: Counter[Form] = Counter()

    def expects(self, name: str) -> bool:
        """Tell whether a call of this tool may turn out to be the echo of one that was written."""
        return any(count and written == name for (written, _), count in self._written.items())

    def write(self, call: Form) -> bool:
        """Take a call that was written as text; tell whether it is new."""
        return _meet(call, self._written, self._made)

    def make(self, call: Form) -> bool:
        """Take a call that was made; tell whether it is new."""
        return _meet(call, self._made, self._written)


def _meet(call: Form, own: "Counter[Form]", others: "Counter[Form]") -> bool:
    if others[call]:
        others[call] -= 1
        return False
    own[call] += 1
    return True
