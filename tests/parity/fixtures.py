"""The committed transcripts: a folder a scenario, a file a page, and where they came from."""

from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from typing import Final, TypeAlias

from attrs import asdict, frozen

from codexd.wire import json
from tests.parity import layout

FORMAT: Final = 1
"""Of the pages; to be raised when they are written in another way."""

META: Final = "meta.json"

Pages: TypeAlias = Mapping[str, bytes]
"""The files of a transcript by their names."""


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
    """A directory of fixtures."""

    directory: Path

    def names(self) -> frozenset[str]:
        """Give the scenarios there are fixtures of."""
        if not self.directory.is_dir():
            return frozenset()
        return frozenset(path.name for path in self.directory.iterdir() if path.is_dir())

    def load(self, name: str) -> Fixture | None:
        """Read a fixture; None when there is none.

        Raises:
            Unreadable: when its `meta.json` is missing or is none.
        """
        folder = self.directory / name
        if not folder.is_dir():
            return None
        pages = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        try:
            meta = Meta(**json.decode(pages.pop(META)))
        except (KeyError, TypeError, json.Malformed):
            raise Unreadable(f"{META} is missing or has not the members it should have") from None
        return Fixture(meta, pages)

    def save(self, name: str, fixture: Fixture) -> None:
        """Write a fixture in place of the one that is there."""
        self.remove(name)
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        meta = layout.page(asdict(fixture.meta))
        for page, data in {**fixture.pages, META: meta}.items():
            (folder / page).write_bytes(data)

    def remove(self, name: str) -> bool:
        """Take a fixture away; False, and nothing is touched, when the folder is none."""
        folder = self.directory / name
        found = (folder / META).is_file()
        if found:
            rmtree(folder)
        return found
