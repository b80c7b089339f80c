"""The two things done with scenarios: record them as fixtures, and hold codexd to the fixtures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from attrs import Factory, define, frozen

from codexd import __version__
from tests.parity.drift import Drift, compare, foreign
from tests.parity.fixtures import Fixture, Meta, Shelf, Unreadable
from tests.parity.recording import flaws, record
from tests.parity.scenario import Scenario
from tests.parity.stage import Stage, staged


class Recorder(Protocol):
    """Plays scenarios (Workshop)."""

    async def record(self, scenarios: Sequence[Scenario]) -> "Recorded":
        """Play scenarios on a codexd of their own in each of their places."""
        ...


@frozen
class Workshop:
    """Plays scenarios on the real thing.

    Attributes:
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        build: a directory for what a private codexd leaves while it runs.
        binary: another Codex than the pinned one.
    """

    reactor: Any
    build: Path
    binary: str | None = None

    async def record(self, scenarios: Sequence[Scenario]) -> "Recorded":
        """Play scenarios on a codexd of their own in each of their places."""
        recorded = Recorded()
        for place in dict.fromkeys(scenario.place for scenario in scenarios):
            played = [scenario for scenario in scenarios if scenario.place == place]
            players = [scenario.id for scenario in played]
            async with staged(self.reactor, self.build, place, players, self.binary) as stage:
                for scenario in played:
                    await recorded.play(scenario, stage)
        return recorded


@define
class Recorded:
    """What came of playing scenarios.

    Attributes:
        fixtures: the scenarios that were played to their end.
        drifts: what was said of the others.
    """

    fixtures: dict[str, Fixture] = Factory(dict)
    drifts: list[Drift] = Factory(list)

    async def play(self, scenario: Scenario, stage: Stage) -> None:
        """Play one scenario."""
        captured = datetime.now(UTC).date().isoformat()
        meta = Meta(scenario.about, stage.codex, __version__, captured)
        try:
            self.fixtures[scenario.id] = Fixture(meta, await record(scenario, stage))
        except TimeoutError as error:
            self.drifts.append(Drift(scenario.id, f"It could not be played: {error}."))


async def hold(
    recorder: Recorder, shelf: Shelf, scenarios: Sequence[Scenario], every: Iterable[Scenario]
) -> tuple[Drift, ...]:
    """Compare scenarios with their fixtures; nothing is written.

    Args:
        recorder: plays them.
        shelf: holds the fixtures.
        scenarios: the ones to compare.
        every: all there are; a fixture of none of them is one too many.

    Returns:
        What differs; nothing when all is as it was.
    """
    stored, drifts = _stored(shelf, scenarios)
    drifts += _superfluous(shelf, every)
    recorded = await recorder.record([scenario for scenario in scenarios if scenario.id in stored])
    drifts += foreign((stored[name].meta.codex, now.meta.codex) for name, now in recorded.fixtures.items())
    drifts += recorded.drifts
    for name, now in recorded.fixtures.items():
        drifts += compare(name, stored[name], now)
    return tuple(drifts)


async def capture(recorder: Recorder, shelf: Shelf, scenarios: Sequence[Scenario]) -> "Captured":
    """Record scenarios twice, each time on a new codexd, and store those that come out the same.

    A fixture that says the same already is left as it is, its date included.
    """
    first, second = await recorder.record(scenarios), await recorder.record(scenarios)
    captured = Captured(drifts=[*first.drifts, *second.drifts])
    for name, fixture in first.fixtures.items():
        if name not in second.fixtures:
            continue
        wrong = _unfit(name, fixture, second.fixtures[name])
        captured.drifts.extend(wrong)
        if not wrong and not _same(shelf, name, fixture):
            shelf.save(name, fixture)
            captured.saved.append(name)
    return captured


@define
class Captured:
    """What came of a capture.

    Attributes:
        saved: the scenarios whose fixtures were written.
        drifts: why others could not be.
    """

    saved: list[str] = Factory(list)
    drifts: list[Drift] = Factory(list)


def superfluous(shelf: Shelf, every: Iterable[Scenario]) -> tuple[str, ...]:
    """Name the fixtures that no scenario has."""
    return tuple(sorted(shelf.names() - {scenario.id for scenario in every}))


def _stored(shelf: Shelf, scenarios: Iterable[Scenario]) -> tuple[Mapping[str, Fixture], list[Drift]]:
    stored: dict[str, Fixture] = {}
    drifts: list[Drift] = []
    for scenario in scenarios:
        name = scenario.id
        try:
            fixture = shelf.load(name)
        except Unreadable as why:
            drifts.append(Drift(name, f"The fixture cannot be read: {why}."))
            continue
        if fixture is None:
            make = f"python -m tests.parity capture {name}"
            drifts.append(Drift(name, f"There is no fixture; `{make}` makes it."))
        else:
            stored[name] = fixture
    return stored, drifts


def _superfluous(shelf: Shelf, every: Iterable[Scenario]) -> list[Drift]:
    return [
        Drift(name, "There is a fixture and no such scenario; `make parity ARGS=capture` takes it away.")
        for name in superfluous(shelf, every)
    ]


def _unfit(name: str, fixture: Fixture, again: Fixture) -> list[Drift]:
    """Tell why a recording cannot be a fixture."""
    pages = fixture.pages
    flawed = [Drift(f"{name}: {page}", pages[page].decode(errors="replace")) for page in flaws(pages)]
    return flawed or list(compare(f"{name} (recorded twice)", fixture, again))


def _same(shelf: Shelf, name: str, fixture: Fixture) -> bool:
    try:
        stored = shelf.load(name)
    except Unreadable:
        return False
    return (
        stored is not None and not compare(name, stored, fixture) and stored.meta.codex == fixture.meta.codex
    )
