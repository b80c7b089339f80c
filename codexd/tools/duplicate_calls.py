"""Detects duplicates: some models make a structured call and also write it into their text."""

from collections import Counter

from codexd.wire import json

CallKey = tuple[str, str]
"""A tool's name and its canonical arguments."""


def call_key(name: str, arguments: str) -> CallKey:
    """Return the key that two calls share if one is a duplicate of the other."""
    try:
        return name, json.encode_canonical(json.decode(arguments or "{}")).decode()
    except json.JsonError:
        return name, arguments


class DuplicateCalls:
    """The calls of one response, by the form in which they came.

    A call in one form cancels out one equal call in the other form, and no more.
    """

    def __init__(self) -> None:
        self._text_calls: Counter[CallKey] = Counter()
        self._structured_calls: Counter[CallKey] = Counter()

    def may_duplicate(self, name: str) -> bool:
        """Return whether a structured call of this tool may turn out to be the duplicate of a text call."""
        return any(count and called == name for (called, _), count in self._text_calls.items())

    def add_text_call(self, call: CallKey) -> bool:
        """Add a call that was written as text; return whether it is new."""
        return _match(call, self._text_calls, self._structured_calls)

    def add_structured_call(self, call: CallKey) -> bool:
        """Add a structured call; return whether it is new."""
        return _match(call, self._structured_calls, self._text_calls)


def _match(call: CallKey, own: "Counter[CallKey]", others: "Counter[CallKey]") -> bool:
    if others[call]:
        others[call] -= 1
        return False
    own[call] += 1
    return True
