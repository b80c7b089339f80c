from collections.abc import Sequence
from pathlib import Path

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.parity import runner
from tests.parity.difference import Difference
from tests.parity.fixtures import Fixture, FixtureDirectory, FixtureMetadata
from tests.parity.recording import INCOMPLETE
from tests.parity.scenario import Scenario, ScenarioRequest

CODEX = "codex-cli 0.163.0"
ONE, TWO = (
    Scenario(name=name, about=f"about {name}", first=ScenarioRequest(path="/x", method="GET"))
    for name in ("one", "two")
)


def fixture(scenario: Scenario, text: bytes = b"HTTP/1.1 200 OK\n\n", codex: str | None = CODEX) -> Fixture:
    metadata = FixtureMetadata(about=scenario.about, codex=codex, codexd="0.1.0", captured="2026-11-20")
    return Fixture(metadata, {"response.1.http": text})


def recorded(*fixtures: tuple[Scenario, Fixture]) -> runner.RecordedScenarios:
    return runner.RecordedScenarios({scenario.id: fixture for scenario, fixture in fixtures})


@define
class FakeRecorder:
    """Returns prepared recordings of the given scenarios; repeats the last one."""

    recordings: list[runner.RecordedScenarios]

    async def record(self, scenarios: Sequence[Scenario]) -> runner.RecordedScenarios:
        recorded = self.recordings.pop(0) if len(self.recordings) > 1 else self.recordings[0]
        ids = {scenario.id for scenario in scenarios}
        fixtures = {id: fixture for id, fixture in recorded.fixtures.items() if id in ids}
        return evolve(recorded, fixtures=fixtures)


class RunnerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.fixtures = FixtureDirectory(Path(self.mktemp()))
        self.fixtures.save("codex/other/one", fixture(ONE))

    def compare(self, recording: runner.RecordedScenarios, *scenarios: Scenario) -> list[str]:
        every = (ONE, TWO)
        comparing = runner.compare(FakeRecorder([recording]), self.fixtures, scenarios, every)
        return [str(difference) for difference in self.successResultOf(Deferred.fromCoroutine(comparing))]

    def capture(self, *recordings: runner.RecordedScenarios) -> runner.CaptureResult:
        capturing = runner.capture(FakeRecorder(list(recordings)), self.fixtures, (ONE, TWO))
        return self.successResultOf(Deferred.fromCoroutine(capturing))


class CompareTests(RunnerTests):
    def test_an_equal_recording_is_no_difference(self) -> None:
        self.assertEqual(self.compare(recorded((ONE, fixture(ONE))), ONE), [])

    def test_another_recording_is_a_difference(self) -> None:
        (difference,) = self.compare(recorded((ONE, fixture(ONE, b"HTTP/1.1 500 Oh\n\n"))), ONE)
        self.assertIn("== codex/other/one: response.1.http\n", difference)

    def test_a_scenario_without_a_fixture_is_a_difference(self) -> None:
        differences = self.compare(recorded((ONE, fixture(ONE)), (TWO, fixture(TWO))), ONE, TWO)
        capture = "python -m tests.parity capture codex/other/two"
        self.assertEqual(differences, [f"== codex/other/two\nThere is no fixture; `{capture}` creates it.\n"])

    def test_a_fixture_without_a_scenario_is_a_difference(self) -> None:
        self.fixtures.save("codex/other/three", fixture(ONE))
        (difference,) = self.compare(recorded((ONE, fixture(ONE))), ONE)
        self.assertIn("== codex/other/three\nThis fixture belongs to no scenario", difference)

    def test_an_unreadable_fixture_is_a_difference(self) -> None:
        self.fixtures.path("codex/other/one").write_text("{")
        (difference,) = self.compare(recorded((ONE, fixture(ONE))), ONE)
        self.assertIn("== codex/other/one\nThe fixture cannot be read", difference)

    def test_another_codex_is_a_difference_even_with_an_equal_recording(self) -> None:
        for other, name in (("codex-cli 0.169.0", "codex-cli 0.169.0"), (None, "none")):
            (difference,) = self.compare(recorded((ONE, fixture(ONE, codex=other))), ONE)
            self.assertIn(f"1 of 1 fixtures were captured with codex-cli 0.163.0; this is {name}.", difference)

    def test_places_without_codex_are_not_compared_with_a_version(self) -> None:
        self.fixtures.save("codex/other/two", fixture(TWO, codex=None))
        both = recorded((ONE, fixture(ONE)), (TWO, fixture(TWO, codex=None)))
        self.assertEqual(self.compare(both, ONE, TWO), [])

    def test_a_scenario_that_could_not_be_run_is_a_difference(self) -> None:
        (difference,) = self.compare(runner.RecordedScenarios({}, [Difference("codex/other/one", "No end.")]), ONE)
        self.assertEqual(difference, "== codex/other/one\nNo end.\n")


class CaptureTests(RunnerTests):
    def test_new_and_changed_recordings_are_saved(self) -> None:
        changed = fixture(ONE, b"HTTP/1.1 500 Oh\n\n")
        captured = self.capture(recorded((ONE, changed), (TWO, fixture(TWO))))
        self.assertEqual((captured.saved, captured.differences), (["codex/other/one", "codex/other/two"], []))
        self.assertEqual(
            (self.fixtures.load("codex/other/one"), self.fixtures.load("codex/other/two")),
            (changed, fixture(TWO)),
        )

    def test_an_equal_recording_is_not_written(self) -> None:
        later = evolve(fixture(ONE), metadata=evolve(fixture(ONE).metadata, captured="2027-01-01"))
        self.assertEqual(self.capture(recorded((ONE, later))).saved, [])
        self.assertEqual(self.fixtures.load("codex/other/one"), fixture(ONE))

    def test_an_equal_recording_of_another_codex_is_saved(self) -> None:
        other = evolve(fixture(ONE), metadata=evolve(fixture(ONE).metadata, codex="codex-cli 0.169.0"))
        self.assertEqual(self.capture(recorded((ONE, other))).saved, ["codex/other/one"])
        self.assertEqual(self.fixtures.load("codex/other/one"), other)

    def test_recordings_that_differ_are_not_saved(self) -> None:
        captured = self.capture(
            recorded((TWO, fixture(TWO, b"HTTP/1.1 200 OK\n\none"))),
            recorded((TWO, fixture(TWO, b"HTTP/1.1 200 OK\n\ntwo"))),
        )
        self.assertEqual((captured.saved, self.fixtures.load("codex/other/two")), ([], None))
        self.assertIn("codex/other/two (recorded twice): response.1.http", captured.differences[0].where)

    def test_an_incomplete_response_is_not_saved(self) -> None:
        broken = fixture(TWO, f"HTTP/1.1 200 OK\n{INCOMPLETE}\n\ndata".encode())
        captured = self.capture(recorded((TWO, broken)))
        self.assertEqual((captured.saved, self.fixtures.load("codex/other/two")), ([], None))
        self.assertEqual(captured.differences[0].where, "codex/other/two: response.1.http")
