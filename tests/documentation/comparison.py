"""Compares the output that a page shows with the output that a command had. `...` stands for any text."""

import re
from typing import Any


def _pattern(expected: str) -> str:
    return ".*?".join(re.escape(part) for part in expected.split("..."))


def matches_text(expected: str, actual: str) -> bool:
    """Return whether a text is as shown: `...` stands for any text in a line, a line `...` for any lines.

    Blanks at the ends of lines and of the text do not count.
    """
    parts = ["(?:.*\n)*?" if line.strip() == "..." else f"{_pattern(line)}\n" for line in expected.splitlines()]
    return (
        re.fullmatch("".join(parts), "".join(f"{line.rstrip()}\n" for line in actual.rstrip().splitlines())) is not None
    )


def find_difference(expected: Any, actual: Any, place: str = "$") -> str | None:
    """Return where a JSON value is not as shown, or None.

    A shown object may have fewer members, a shown array fewer elements at its end. Numbers only have to be numbers.
    """
    if isinstance(expected, dict):
        return _find_in_object(expected, actual, place)
    if isinstance(expected, list):
        return _find_in_array(expected, actual, place)
    if isinstance(expected, str) and isinstance(actual, str):
        same = re.fullmatch(_pattern(expected), actual, re.DOTALL) is not None
    elif _is_number(expected):
        same = _is_number(actual)
    else:
        same = expected is actual
    return None if same else f"{place}: {expected!r} is shown, {actual!r} was received"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _find_in_object(expected: dict[str, Any], actual: Any, place: str) -> str | None:
    if not isinstance(actual, dict):
        return f"{place}: an object is shown, {actual!r} was received"
    for name, value in expected.items():
        if name not in actual:
            return f"{place}.{name}: is shown, but was not received; received were {', '.join(actual)}"
        if problem := find_difference(value, actual[name], f"{place}.{name}"):
            return problem
    return None


def _find_in_array(expected: list[Any], actual: Any, place: str) -> str | None:
    if not isinstance(actual, list) or len(actual) < len(expected):
        return f"{place}: {len(expected)} elements are shown, {actual!r} was received"
    problems = (find_difference(one, actual[at], f"{place}[{at}]") for at, one in enumerate(expected))
    return next((problem for problem in problems if problem), None)
