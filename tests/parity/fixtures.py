"""The committed transcripts: one file a scenario, with its metadata and the sections of its exchanges."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from attrs import asdict, frozen

from codexd.transcripts import archive, json_layout
from codexd.transcripts.scenario_file import FORMAT as FORMAT
from codexd.transcripts.scenario_file import METADATA as METADATA
from codexd.transcripts.scenario_file import FixtureMetadata as FixtureMetadata
from codexd.wire import json

Sections: TypeAlias = Mapping[str, bytes]
"""The sections of a transcript by name, in the order of the exchanges, without the metadata."""


@frozen
class Fixture:
    """One recorded scenario."""

    metadata: FixtureMetadata
    sections: Sections


class FixtureFormatError(Exception):
    """A file is not a fixture; the message says why."""


@frozen
class FixtureDirectory:
    """A directory of fixtures: ROOT/PLACE/ENDPOINT/NAME.txt for the scenario PLACE/ENDPOINT/NAME."""

    root: Path

    def path(self, id: str) -> Path:
        """Return the file of a scenario's fixture."""
        return self.root / f"{id}.txt"

    def ids(self) -> frozenset[str]:
        """Return the ids of the scenarios that have fixtures."""
        paths = self.root.glob("*/*/*.txt")
        return frozenset(path.relative_to(self.root).with_suffix("").as_posix() for path in paths)

    def load(self, id: str) -> Fixture | None:
        """Read a fixture; return None when there is none.

        Raises:
            FixtureFormatError: when the file is not an archive, or its metadata are missing or malformed.
        """
        path = self.path(id)
        if not path.is_file():
            return None
        try:
            sections = archive.decode(path.read_bytes())
            metadata = FixtureMetadata(**json.decode(sections.pop(METADATA)))
        except archive.ArchiveError as error:
            raise FixtureFormatError(str(error)) from None
        except (KeyError, TypeError, json.JsonError):
            raise FixtureFormatError(f"{METADATA} is missing or does not have the expected members") from None
        return Fixture(metadata, sections)

    def save(self, id: str, fixture: Fixture) -> None:
        """Write a fixture, in place of the old one if there is one."""
        path = self.path(id)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = json_layout.encode(asdict(fixture.metadata))
        path.write_bytes(archive.encode({METADATA: metadata, **fixture.sections}))

    def remove(self, id: str) -> bool:
        """Delete a fixture; return False, and leave the file, when it is not one."""
        path = self.path(id)
        exists = path.is_file() and path.read_bytes().startswith(f"-- {METADATA} --\n".encode())
        if exists:
            path.unlink()
        return exists
