"""How an answer is given: the directive lines that may stand before a verb of the script.

They are::

    shape: SHAPE                     how texts and arguments are cut into deltas (a shape of tokens.py)
    usage: IN,CACHED,OUT,REASONING   the exact usage figures
    pace: MS                         the wait between two frames, in milliseconds
    thinking: X                      a reasoning item with this summary goes before the answer
    preface: X                       a message with this text goes before the answer
"""

import re
from collections.abc import Callable

from attrs import evolve, frozen

from codexd.scripted import tokens
from codexd.scripted.plan import Message, Step, Thought, Usage

_LINE = re.compile(r"(shape|usage|pace|thinking|preface): ?(.*)(?:\n|\Z)")
_NUMBER = re.compile(r"\s*(\d{1,9})\s*", re.ASCII)


@frozen
class Style:
    """What the directives set."""

    shape: str | None = None
    usage: Usage | None = None
    pace_seconds: float = 0.0
    first: tuple[Step, ...] = ()
    """The items that go before the answer."""

    def cut(self, text: str, default: str = tokens.DEFAULT) -> tuple[str, ...]:
        """Cut a text in the shape that was set, or else in the `default` one."""
        return tokens.split(text, self.shape or default)

    def message(self, text: str) -> Message:
        """Make a message of this text."""
        return Message(self.cut(text))


def take(text: str, style: Style) -> tuple[str, Style]:
    """Take the directives off the head of a text; one that makes no sense is left there, and all after it."""
    while found := _LINE.match(text):
        changed = _DIRECTIVES[found[1]](found[2], style)
        if changed is None:
            break
        text, style = text[found.end() :], changed
    return text, style


def number(text: str) -> int | None:
    """Read a natural number of at most nine digits."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found else None


def _shape(value: str, style: Style) -> Style | None:
    shape = value.strip()
    return evolve(style, shape=shape) if tokens.is_shape(shape) else None


def _usage(value: str, style: Style) -> Style | None:
    figures = [figure for figure in map(number, value.split(",")) if figure is not None]
    return evolve(style, usage=Usage(*figures)) if len(figures) == value.count(",") + 1 == 4 else None


def _pace(value: str, style: Style) -> Style | None:
    milliseconds = number(value)
    return None if milliseconds is None else evolve(style, pace_seconds=milliseconds / 1000)


def _thinking(value: str, style: Style) -> Style:
    return evolve(style, first=(*style.first, Thought(style.cut(value))))


def _preface(value: str, style: Style) -> Style:
    return evolve(style, first=(*style.first, style.message(value)))


_DIRECTIVES: dict[str, Callable[[str, Style], Style | None]] = {
    "shape": _shape,
    "usage": _usage,
    "pace": _pace,
    "thinking": _thinking,
    "preface": _preface,
}
