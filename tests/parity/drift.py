"""Two transcripts compared: what differs, as a person reads it.

Compared are bytes. The difference is shown with each JSON value unfolded, a member a line, so that one
changed member of a long line is one line of the difference.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from typing import Final

from attrs import frozen

from codexd.wire import json
from tests.parity.fixtures import META, Fixture, Pages
from tests.parity.layout import lay_out

_FIELD: Final = b"data: "


@frozen
class Drift:
    """One difference.

    Attributes:
        where: the scenario, and the page of it.
        text: what differs.
    """

    where: str
    text: str

    def __str__(self) -> str:
        """Give it as it is printed."""
        return f"== {self.where}\n{self.text.rstrip()}\n"


def compare(name: str, stored: Fixture, now: Fixture) -> tuple[Drift, ...]:
    """Compare what was recorded now with what is stored, page by page.

    The versions and the day are not compared here: `foreign` tells of another Codex.
    """
    return (*_meta(name, stored, now), *_pages(name, stored.pages, now.pages))


def foreign(answered: Iterable[tuple[str | None, str | None]]) -> tuple[Drift, ...]:
    """Tell whether fixtures are of another Codex than the one that answers now.

    Args:
        answered: of each fixture, which Codex answered when it was captured, and which now; None for none.
    """
    pairs = Counter(answered)
    return tuple(
        Drift(
            "another Codex",
            f"{count} of {pairs.total()} fixtures were captured with {before or 'no Codex'}; "
            f"this is {now or 'none'}.\nRead what differs below; `make parity ARGS=capture` takes it over.",
        )
        for (before, now), count in pairs.items()
        if before != now
    )


def _meta(name: str, stored: Fixture, now: Fixture) -> Iterator[Drift]:
    for member in ("format", "about"):
        before, after = getattr(stored.meta, member), getattr(now.meta, member)
        if before != after:
            yield Drift(f"{name}: {META}", f"-{member}: {before}\n+{member}: {after}")


def _pages(name: str, stored: Pages, now: Pages) -> Iterator[Drift]:
    for page in dict.fromkeys((*stored, *now)):
        where, before, after = f"{name}: {page}", stored.get(page), now.get(page)
        if after is None:
            yield Drift(where, "It is in the fixtures; nothing of the kind was said now.")
        elif before is None:
            yield Drift(where, f"It is not in the fixtures; this was said now:\n{_shown(after)}")
        elif before != after:
            yield Drift(where, difference(where, before, after))


def difference(where: str, before: bytes, after: bytes) -> str:
    """Give the unified difference of two pages that are not equal."""
    text = _unified(where, _unfolded(before), _unfolded(after))
    # What unfolding levels out, such as spaces in JSON or kinds of line ends, is shown as it is.
    return text or _unified(where, _literal(before), _literal(after))


def _unified(where: str, before: list[str], after: list[str]) -> str:
    lines = unified_diff(before, after, f"fixtures/{where}", f"now/{where}", lineterm="")
    return "\n".join(lines)


def _shown(page: bytes) -> str:
    return "\n".join(f"+{line}" for line in _unfolded(page))


def _unfolded(page: bytes) -> list[str]:
    return [shown for line in page.split(b"\n") for shown in _unfold(line)]


def _unfold(line: bytes) -> list[str]:
    """Give a line that is a JSON object, on its own or as an event's data, a member a line."""
    field = _FIELD if line.startswith(_FIELD) else b""
    try:
        value = json.decode(line[len(field) :]) if line[len(field) :].startswith(b"{") else None
    except json.Malformed:
        value = None
    shown = line if value is None else field + lay_out(value).encode()
    return shown.decode("utf-8", "backslashreplace").split("\n")


def _literal(page: bytes) -> list[str]:
    return [repr(line)[2:-1] for line in page.splitlines(keepends=True)]
