"""The committed transcripts: a file a scenario, a section a page, and where they came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

from attrs import asdict, frozen

from codexd.wire import json
from tests.parity import archive, layout

FORMAT: Final = 1
"""Of the pages; to be raised when they are written in another way."""

META: Final = "meta.json"

Pages: TypeAlias = Mapping[str, bytes]
"""The sections of a transcript by their names, in the order of the exchange."""


@frozen
class Meta:
    """Where a fixture came from.

    Attributes:
        about: what the scenario shows.
        codex: the Codex binary, as it calls itself; None where none answers.
        codexd: the version of codexd.
        captured: the day, as in ISO 8601.
        format: of the pages.
    """

    about: str
    codex: str | None
    codexd: str
    captured: str
    format: int = FORMAT


@frozen
class Fixture:
    """One recorded scenario."""

    meta: Meta
    pages: Pages


class Unreadable(Exception):
    """A fixture is not what was captured; the message says why."""


@frozen
class Shelf:
    """A directory of fixtures: a file a scenario, DIRECTORY/PLACE/ENDPOINT/NAME.txt."""

    directory: Path

    def path(self, name: str) -> Path:
        """Return the file of a scenario's fixture."""
        return self.directory / f"{name}.txt"

    def names(self) -> frozenset[str]:
        """Return the scenarios there are fixtures of."""
        paths = self.directory.glob("*/*/*.txt")
        return frozenset(path.relative_to(self.directory).with_suffix("").as_posix() for path in paths)

    def load(self, name: str) -> Fixture | None:
        """Read a fixture; None when there is none.

        Raises:
            Unreadable: when the file is not an archive, or its `meta.json` is missing or is none.
        """
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            pages = archive.decode(path.read_bytes())
            meta = Meta(**json.decode(pages.pop(META)))
        except archive.ArchiveError as error:
            raise Unreadable(str(error)) from None
        except (KeyError, TypeError, json.Malformed):
            raise Unreadable(f"{META} is missing or has not the members it should have") from None
        return Fixture(meta, pages)

    def save(self, name: str, fixture: Fixture) -> None:
        """Write a fixture in place of the one that is there."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        meta = layout.page(asdict(fixture.meta))
        path.write_bytes(archive.encode({META: meta, **fixture.pages}))

    def remove(self, name: str) -> bool:
        """Delete a fixture; return False, and leave the file, when it is not one."""
        path = self.path(name)
        found = path.is_file() and path.read_bytes().startswith(f"-- {META} --\n".encode())
        if found:
            path.unlink()
        return found
