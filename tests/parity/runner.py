"""Captures scenarios as fixtures, and compares them with their fixtures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from attrs import Factory, define, frozen

from codexd import __version__
from tests.parity.difference import Difference, compare_fixtures, compare_versions
from tests.parity.fixtures import Fixture, FixtureDirectory, FixtureFormatError, FixtureMetadata
from tests.parity.private_server import PrivateServer, run_private_server
from tests.parity.recording import find_flaws, record
from tests.parity.scenario import Scenario


class Recorder(Protocol):
    """Records scenarios (ScenarioRunner)."""

    async def record(self, scenarios: Sequence[Scenario]) -> "RecordedScenarios":
        """Run scenarios on a private codexd for each of their places."""
        ...


@frozen
class ScenarioRunner:
    """Records scenarios on private servers.

    Attributes:
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        build: a directory for the servers' files while they run.
        binary: another Codex than the pinned one.
    """

    reactor: Any
    build: Path
    binary: str | None = None

    async def record(self, scenarios: Sequence[Scenario]) -> "RecordedScenarios":
        """Run scenarios on a private codexd for each of their places."""
        recorded = RecordedScenarios()
        for place in dict.fromkeys(scenario.place for scenario in scenarios):
            here = [scenario for scenario in scenarios if scenario.place == place]
            clients = [scenario.id for scenario in here]
            async with run_private_server(self.reactor, self.build, place, clients, self.binary) as server:
                for scenario in here:
                    await recorded.add(scenario, server)
        return recorded


@define
class RecordedScenarios:
    """Results of running scenarios.

    Attributes:
        fixtures: the scenarios that ran to their end, by id.
        differences: the errors of the others.
    """

    fixtures: dict[str, Fixture] = Factory(dict)
    differences: list[Difference] = Factory(list)

    async def add(self, scenario: Scenario, server: PrivateServer) -> None:
        """Run one scenario and add its result."""
        captured = datetime.now(UTC).date().isoformat()
        metadata = FixtureMetadata(about=scenario.about, codex=server.codex, codexd=__version__, captured=captured)
        try:
            self.fixtures[scenario.id] = Fixture(metadata, await record(scenario, server))
        except TimeoutError as error:
            self.differences.append(Difference(scenario.id, f"The scenario could not be run: {error}."))


async def compare(
    recorder: Recorder, directory: FixtureDirectory, scenarios: Sequence[Scenario], every: Iterable[Scenario]
) -> tuple[Difference, ...]:
    """Compare scenarios with their fixtures; write nothing.

    Args:
        recorder: records them.
        directory: has the fixtures.
        scenarios: the ones to compare.
        every: all there are; a fixture of none of them is a difference.

    Returns:
        The differences; empty when the recordings equal their fixtures.
    """
    stored, differences = _load(directory, scenarios)
    differences += _report_orphans(directory, every)
    recorded = await recorder.record([scenario for scenario in scenarios if scenario.id in stored])
    differences += compare_versions(
        (stored[id].metadata.codex, now.metadata.codex) for id, now in recorded.fixtures.items()
    )
    differences += recorded.differences
    for id, now in recorded.fixtures.items():
        differences += compare_fixtures(id, stored[id], now)
    return tuple(differences)


async def capture(recorder: Recorder, directory: FixtureDirectory, scenarios: Sequence[Scenario]) -> "CaptureResult":
    """Record scenarios twice, each time on a new codexd, and store those whose recordings are equal.

    A fixture that is equal already is not written, so that its date stays.
    """
    first, second = await recorder.record(scenarios), await recorder.record(scenarios)
    result = CaptureResult(differences=[*first.differences, *second.differences])
    for id, fixture in first.fixtures.items():
        if id not in second.fixtures:
            continue
        problems = _find_problems(id, fixture, second.fixtures[id])
        result.differences.extend(problems)
        if not problems and not _is_stored(directory, id, fixture):
            directory.save(id, fixture)
            result.saved.append(id)
    return result


@define
class CaptureResult:
    """Results of a capture.

    Attributes:
        saved: the scenarios whose fixtures were written.
        differences: why others could not be captured.
    """

    saved: list[str] = Factory(list)
    differences: list[Difference] = Factory(list)


def find_orphans(directory: FixtureDirectory, every: Iterable[Scenario]) -> tuple[str, ...]:
    """Return the ids of fixtures that belong to no scenario."""
    return tuple(sorted(directory.ids() - {scenario.id for scenario in every}))


def _load(directory: FixtureDirectory, scenarios: Iterable[Scenario]) -> tuple[Mapping[str, Fixture], list[Difference]]:
    stored: dict[str, Fixture] = {}
    differences: list[Difference] = []
    for scenario in scenarios:
        id = scenario.id
        try:
            fixture = directory.load(id)
        except FixtureFormatError as why:
            differences.append(Difference(id, f"The fixture cannot be read: {why}."))
            continue
        if fixture is None:
            command = f"python -m tests.parity capture {id}"
            differences.append(Difference(id, f"There is no fixture; `{command}` creates it."))
        else:
            stored[id] = fixture
    return stored, differences


def _report_orphans(directory: FixtureDirectory, every: Iterable[Scenario]) -> list[Difference]:
    text = "This fixture belongs to no scenario; `python -m tests.parity capture` deletes it."
    return [Difference(id, text) for id in find_orphans(directory, every)]


def _find_problems(id: str, fixture: Fixture, again: Fixture) -> list[Difference]:
    """Return the reasons why a recording cannot be a fixture."""
    sections = fixture.sections
    flawed = [Difference(f"{id}: {name}", sections[name].decode(errors="replace")) for name in find_flaws(sections)]
    return flawed or list(compare_fixtures(f"{id} (recorded twice)", fixture, again))


def _is_stored(directory: FixtureDirectory, id: str, fixture: Fixture) -> bool:
    try:
        stored = directory.load(id)
    except FixtureFormatError:
        return False
    return (
        stored is not None
        and not compare_fixtures(id, stored, fixture)
        and stored.metadata.codex == fixture.metadata.codex
    )
