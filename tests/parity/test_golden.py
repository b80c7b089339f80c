"""Law 7: what was recorded is what is said now, byte for byte, by codexd and the real Codex."""

from hashlib import sha256
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.parity import FIXTURES, proof
from tests.parity.fixtures import Shelf
from tests.parity.scenarios import SCENARIOS


def digests() -> dict[str, str]:
    pages = (path for path in FIXTURES.rglob("*") if path.is_file())
    return {str(page): sha256(page.read_bytes()).hexdigest() for page in pages}


class GoldenTests(TestCase):
    timeout = 180

    def test_every_transcript_is_reproduced_and_none_is_written(self) -> Deferred[None]:
        build = Path(self.mktemp()).absolute()

        async def compare() -> None:
            before = digests()
            workshop = proof.Workshop(reactor, build)
            drifts = await proof.hold(workshop, Shelf(FIXTURES), SCENARIOS, SCENARIOS)
            self.assertEqual(digests(), before)
            self.assertEqual(list(build.iterdir()), [])
            if drifts:
                self.fail("\n".join(map(str, drifts)))

        return Deferred.fromCoroutine(compare())
