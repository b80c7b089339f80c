from collections.abc import Sequence
from pathlib import Path

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.parity import proof
from tests.parity.drift import Drift
from tests.parity.fixtures import Fixture, Meta, Shelf
from tests.parity.recording import BROKEN_OFF
from tests.parity.scenario import Ask, Scenario

CODEX = "codex-cli 0.163.0"
ONE, TWO = (Scenario(name, f"about {name}", Ask("/x", method="GET")) for name in ("one", "two"))


def fixture(scenario: Scenario, text: bytes = b"HTTP/1.1 200 OK\n\n", codex: str | None = CODEX) -> Fixture:
    return Fixture(Meta(scenario.about, codex, "0.1.0", "2026-11-20"), {"response.1.http": text})


def recorded(*fixtures: tuple[Scenario, Fixture]) -> proof.Recorded:
    return proof.Recorded({scenario.id: fixture for scenario, fixture in fixtures})


@define
class FakeRecorder:
    """Gives prepared recordings of the scenarios it is asked for, the last one again and again."""

    recordings: list[proof.Recorded]

    async def record(self, scenarios: Sequence[Scenario]) -> proof.Recorded:
        found = self.recordings.pop(0) if len(self.recordings) > 1 else self.recordings[0]
        names = {scenario.id for scenario in scenarios}
        played = {name: fixture for name, fixture in found.fixtures.items() if name in names}
        return evolve(found, fixtures=played)


class ProofTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shelf = Shelf(Path(self.mktemp()))
        self.shelf.save("codex/other/one", fixture(ONE))

    def hold(self, recording: proof.Recorded, *scenarios: Scenario) -> list[str]:
        every = (ONE, TWO)
        comparing = proof.hold(FakeRecorder([recording]), self.shelf, scenarios, every)
        return [str(drift) for drift in self.successResultOf(Deferred.fromCoroutine(comparing))]

    def capture(self, *recordings: proof.Recorded) -> proof.Captured:
        capturing = proof.capture(FakeRecorder(list(recordings)), self.shelf, (ONE, TWO))
        return self.successResultOf(Deferred.fromCoroutine(capturing))


class HoldTests(ProofTests):
    def test_what_is_as_it_was_is_no_drift(self) -> None:
        self.assertEqual(self.hold(recorded((ONE, fixture(ONE))), ONE), [])

    def test_what_is_said_otherwise_is_a_drift(self) -> None:
        (drift,) = self.hold(recorded((ONE, fixture(ONE, b"HTTP/1.1 500 Oh\n\n"))), ONE)
        self.assertIn("== codex/other/one: response.1.http\n", drift)

    def test_a_scenario_without_a_fixture_is_a_drift(self) -> None:
        found = self.hold(recorded((ONE, fixture(ONE)), (TWO, fixture(TWO))), ONE, TWO)
        capture = "python -m tests.parity capture codex/other/two"
        self.assertEqual(found, [f"== codex/other/two\nThere is no fixture; `{capture}` makes it.\n"])

    def test_a_fixture_without_a_scenario_is_a_drift(self) -> None:
        self.shelf.save("codex/other/three", fixture(ONE))
        (drift,) = self.hold(recorded((ONE, fixture(ONE))), ONE)
        self.assertIn("== codex/other/three\nThere is a fixture and no such scenario", drift)

    def test_a_fixture_that_cannot_be_read_is_a_drift(self) -> None:
        self.shelf.path("codex/other/one").write_text("{")
        (drift,) = self.hold(recorded((ONE, fixture(ONE))), ONE)
        self.assertIn("== codex/other/one\nThe fixture cannot be read", drift)

    def test_another_codex_is_a_drift_though_it_says_the_same(self) -> None:
        for other, name in (("codex-cli 0.169.0", "codex-cli 0.169.0"), (None, "none")):
            (drift,) = self.hold(recorded((ONE, fixture(ONE, codex=other))), ONE)
            self.assertIn(f"1 of 1 fixtures were captured with codex-cli 0.163.0; this is {name}.", drift)

    def test_where_no_codex_answers_none_is_another(self) -> None:
        self.shelf.save("codex/other/two", fixture(TWO, codex=None))
        both = recorded((ONE, fixture(ONE)), (TWO, fixture(TWO, codex=None)))
        self.assertEqual(self.hold(both, ONE, TWO), [])

    def test_what_could_not_be_played_is_a_drift(self) -> None:
        (drift,) = self.hold(proof.Recorded({}, [Drift("codex/other/one", "No end.")]), ONE)
        self.assertEqual(drift, "== codex/other/one\nNo end.\n")


class CaptureTests(ProofTests):
    def test_what_is_new_or_changed_is_saved(self) -> None:
        changed = fixture(ONE, b"HTTP/1.1 500 Oh\n\n")
        captured = self.capture(recorded((ONE, changed), (TWO, fixture(TWO))))
        self.assertEqual((captured.saved, captured.drifts), (["codex/other/one", "codex/other/two"], []))
        self.assertEqual(
            (self.shelf.load("codex/other/one"), self.shelf.load("codex/other/two")), (changed, fixture(TWO))
        )

    def test_what_says_the_same_keeps_its_day(self) -> None:
        later = evolve(fixture(ONE), meta=evolve(fixture(ONE).meta, captured="2027-01-01"))
        self.assertEqual(self.capture(recorded((ONE, later))).saved, [])
        self.assertEqual(self.shelf.load("codex/other/one"), fixture(ONE))

    def test_the_same_said_by_another_codex_is_saved(self) -> None:
        other = evolve(fixture(ONE), meta=evolve(fixture(ONE).meta, codex="codex-cli 0.169.0"))
        self.assertEqual(self.capture(recorded((ONE, other))).saved, ["codex/other/one"])
        self.assertEqual(self.shelf.load("codex/other/one"), other)

    def test_what_does_not_come_out_the_same_twice_is_not_saved(self) -> None:
        captured = self.capture(
            recorded((TWO, fixture(TWO, b"HTTP/1.1 200 OK\n\none"))),
            recorded((TWO, fixture(TWO, b"HTTP/1.1 200 OK\n\ntwo"))),
        )
        self.assertEqual((captured.saved, self.shelf.load("codex/other/two")), ([], None))
        self.assertIn("codex/other/two (recorded twice): response.1.http", captured.drifts[0].where)

    def test_an_answer_that_broke_off_is_not_saved(self) -> None:
        broken = fixture(TWO, f"HTTP/1.1 200 OK\n{BROKEN_OFF}\n\ndata".encode())
        captured = self.capture(recorded((TWO, broken)))
        self.assertEqual((captured.saved, self.shelf.load("codex/other/two")), ([], None))
        self.assertEqual(captured.drifts[0].where, "codex/other/two: response.1.http")
