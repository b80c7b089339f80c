"""Compares two transcripts and shows the differences for people.

Bytes are compared. The difference is shown with each JSON value unfolded, a member a line, so that one
changed member of a long line is one line of the difference.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from typing import Final

from attrs import frozen

from codexd.wire import json
from tests.parity.fixtures import METADATA, Fixture, Sections
from tests.parity.json_layout import format_json

_FIELD: Final = b"data: "


@frozen
class Difference:
    """One difference.

    Attributes:
        where: the scenario and its section.
        text: what differs.
    """

    where: str
    text: str

    def __str__(self) -> str:
        """Return the difference as it is printed."""
        return f"== {self.where}\n{self.text.rstrip()}\n"


def compare_fixtures(id: str, stored: Fixture, now: Fixture) -> tuple[Difference, ...]:
    """Compare what was recorded now with the stored fixture, section by section.

    The versions and the day are not compared: `compare_versions` reports another Codex.
    """
    return (*_compare_metadata(id, stored, now), *_compare_sections(id, stored.sections, now.sections))


def compare_versions(versions: Iterable[tuple[str | None, str | None]]) -> tuple[Difference, ...]:
    """Report fixtures that were captured with another Codex than the one that runs now.

    Args:
        versions: of each fixture, the Codex that it was captured with and the one that answered now; None for
            none.
    """
    pairs = Counter(versions)
    return tuple(
        Difference(
            "another Codex",
            f"{count} of {pairs.total()} fixtures were captured with {before or 'no Codex'}; "
            f"this is {now or 'none'}.\n"
            "Check the differences below; `python -m tests.parity capture` accepts them.",
        )
        for (before, now), count in pairs.items()
        if before != now
    )


def _compare_metadata(id: str, stored: Fixture, now: Fixture) -> Iterator[Difference]:
    for member in ("format", "about"):
        before, after = getattr(stored.metadata, member), getattr(now.metadata, member)
        if before != after:
            yield Difference(f"{id}: {METADATA}", f"-{member}: {before}\n+{member}: {after}")


def _compare_sections(id: str, stored: Sections, now: Sections) -> Iterator[Difference]:
    for section in dict.fromkeys((*stored, *now)):
        where, before, after = f"{id}: {section}", stored.get(section), now.get(section)
        if after is None:
            yield Difference(where, "This section is in the fixture, but was not recorded now.")
        elif before is None:
            yield Difference(where, f"This section is not in the fixture; recorded now:\n{_added(after)}")
        elif before != after:
            yield Difference(where, diff(where, before, after))


def diff(where: str, before: bytes, after: bytes) -> str:
    """Return the unified diff of two sections; it is not empty unless they are equal."""
    text = _unified(where, _unfold(before), _unfold(after))
    # Unfolding hides some differences, such as spaces in JSON or kinds of line ends: then show the bytes.
    return text or _unified(where, _escape(before), _escape(after))


def _unified(where: str, before: list[str], after: list[str]) -> str:
    lines = unified_diff(before, after, f"fixtures/{where}", f"now/{where}", lineterm="")
    return "\n".join(lines)


def _added(section: bytes) -> str:
    return "\n".join(f"+{line}" for line in _unfold(section))


def _unfold(section: bytes) -> list[str]:
    return [shown for line in section.split(b"\n") for shown in _unfold_line(line)]


def _unfold_line(line: bytes) -> list[str]:
    """ResponseFormat a line that is a JSON object, by itself or as an event's data, with a member a line."""
    field = _FIELD if line.startswith(_FIELD) else b""
    try:
        value = json.decode(line[len(field) :]) if line[len(field) :].startswith(b"{") else None
    except json.JsonError:
        value = None
    shown = line if value is None else field + format_json(value).encode()
    return shown.decode("utf-8", "backslashreplace").split("\n")


def _escape(section: bytes) -> list[str]:
    return [repr(line)[2:-1] for line in section.splitlines(keepends=True)]
