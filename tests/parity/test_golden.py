"""Law 7: every scenario is reproduced byte for byte, by codexd and the real Codex."""

from hashlib import sha256
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.parity import FIXTURES, runner
from tests.parity.fixtures import FixtureDirectory
from tests.parity.scenarios import SCENARIOS


def digests() -> dict[str, str]:
    files = (path for path in FIXTURES.rglob("*") if path.is_file())
    return {str(file): sha256(file.read_bytes()).hexdigest() for file in files}


class GoldenTests(TestCase):
    timeout = 180

    def test_every_transcript_is_reproduced_and_none_is_written(self) -> Deferred[None]:
        build = Path(self.mktemp()).absolute()

        async def compare() -> None:
            before = digests()
            recorder = runner.ScenarioRunner(reactor, build)
            differences = await runner.compare(recorder, FixtureDirectory(FIXTURES), SCENARIOS, SCENARIOS)
            self.assertEqual(digests(), before)
            self.assertEqual(list(build.iterdir()), [])
            if differences:
                self.fail("\n".join(map(str, differences)))

        return Deferred.fromCoroutine(compare())
