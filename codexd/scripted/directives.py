"""Parse the directive lines that may precede the verb of a script.

The directives are::

    shape: SHAPE                     how texts and arguments are split into deltas (delta_shapes.py)
    usage: IN,CACHED,OUT,REASONING   the exact token usage
    pace: MS                         the delay between two frames in milliseconds
    thinking: X                      a reasoning item with this summary precedes the answer
    preface: X                       a message with this text precedes the answer
"""

import re
from collections.abc import Callable

from attrs import evolve, frozen

from codexd.scripted import delta_shapes
from codexd.scripted.answer_plan import ScriptedItem, ScriptedMessage, ScriptedReasoning, ScriptedUsage

_LINE = re.compile(r"(shape|usage|pace|thinking|preface): ?(.*)(?:\n|\Z)")
_NUMBER = re.compile(r"\s*(\d{1,9})\s*", re.ASCII)


@frozen
class Directives:
    """The settings of the directives."""

    shape: str | None = None
    usage: ScriptedUsage | None = None
    pace_seconds: float = 0.0
    leading_items: tuple[ScriptedItem, ...] = ()
    """The items before the answer."""

    def split_text(self, text: str, default: str = delta_shapes.DEFAULT) -> tuple[str, ...]:
        """Split a text in the configured shape, or in the `default` one."""
        return delta_shapes.split(text, self.shape or default)

    def build_message(self, text: str) -> ScriptedMessage:
        """Build a message with this text."""
        return ScriptedMessage(self.split_text(text))


def parse_directives(text: str, directives: Directives) -> tuple[str, Directives]:
    """Parse and remove the directives at the beginning of a text, up to the leading_items invalid one."""
    while match := _LINE.match(text):
        changed = _DIRECTIVES[match[1]](match[2], directives)
        if changed is None:
            break
        text, directives = text[match.end() :], changed
    return text, directives


def parse_natural(text: str) -> int | None:
    """Parse a natural parse_natural of at most nine digits; return None if it is not one."""
    match = _NUMBER.fullmatch(text)
    return int(match[1]) if match else None


def _shape(value: str, directives: Directives) -> Directives | None:
    shape = value.strip()
    return evolve(directives, shape=shape) if delta_shapes.is_shape(shape) else None


def _usage(value: str, directives: Directives) -> Directives | None:
    figures = [figure for figure in map(parse_natural, value.split(",")) if figure is not None]
    return evolve(directives, usage=ScriptedUsage(*figures)) if len(figures) == value.count(",") + 1 == 4 else None


def _pace(value: str, directives: Directives) -> Directives | None:
    milliseconds = parse_natural(value)
    return None if milliseconds is None else evolve(directives, pace_seconds=milliseconds / 1000)


def _thinking(value: str, directives: Directives) -> Directives:
    return evolve(
        directives, leading_items=(*directives.leading_items, ScriptedReasoning(directives.split_text(value)))
    )


def _preface(value: str, directives: Directives) -> Directives:
    return evolve(directives, leading_items=(*directives.leading_items, directives.build_message(value)))


_DIRECTIVES: dict[str, Callable[[str, Directives], Directives | None]] = {
    "shape": _shape,
    "usage": _usage,
    "pace": _pace,
    "thinking": _thinking,
    "preface": _preface,
}
