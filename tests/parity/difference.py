"""Compares two transcripts and shows the differences for people.

Bytes are compared. codexd.transcripts.difference shows how they differ.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from attrs import frozen

from codexd.transcripts.difference import diff, unfold
from tests.parity.fixtures import METADATA, Fixture, Sections


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
            yield Difference(where, diff(f"fixtures/{where}", f"now/{where}", before, after))


def _added(section: bytes) -> str:
    return "\n".join(f"+{line}" for line in unfold(section))
