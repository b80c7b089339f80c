"""The command as it is typed: one run a test, with the real Codex where it answers."""

import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.parity import FIXTURES
from tests.parity.command import main
from tests.parity.fixtures import Shelf
from tests.parity.scenarios import SCENARIOS

NAME = "codex/chat/tools-continued"


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.fixtures = Path(self.mktemp()).absolute()
        self.build = Path(self.mktemp()).absolute()
        self.fixture = self.fixtures / f"{NAME}.txt"
        self.fixture.parent.mkdir(parents=True)
        shutil.copyfile(FIXTURES / f"{NAME}.txt", self.fixture)

    def parity(self, *argv: str) -> subprocess.CompletedProcess[str]:
        where = ("--fixtures", str(self.fixtures), "--build", str(self.build))
        command = [sys.executable, "-m", "tests.parity", *argv, *where]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=FIXTURES.parent)

    def test_what_is_as_it_was_passes(self) -> None:
        ran = self.parity("compare", NAME)
        self.assertEqual(
            (ran.returncode, ran.stdout), (0, "1 scenarios compared, 0 differences\n"), ran.stderr
        )

    def test_a_drift_is_printed_and_fails_and_a_capture_takes_it_over(self) -> None:
        shelf = Shelf(self.fixtures)
        right = shelf.load(NAME)
        data = self.fixture.read_bytes()
        wrong = data.replace(b'"finish_reason":"stop"', b'"finish_reason":"length"')
        self.fixture.write_bytes(wrong)
        ran = self.parity("compare", NAME)
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn(f"== {NAME}: response.2.http\n", ran.stdout)
        self.assertRegex(ran.stdout, r'\n- *"finish_reason": "length"')
        self.assertRegex(ran.stdout, r'\n\+ *"finish_reason": "stop"')
        self.assertEqual(self.fixture.read_bytes(), wrong)
        ran = self.parity("capture", NAME)
        self.assertEqual(
            (ran.returncode, ran.stdout),
            (0, f"captured {NAME}\n1 scenarios recorded, 1 fixtures written\n"),
            ran.stderr,
        )
        captured = shelf.load(NAME)
        assert right is not None
        assert captured is not None
        self.assertEqual(captured.pages, right.pages)

    def test_a_codex_that_is_not_there_is_told(self) -> None:
        ran = self.parity("compare", NAME, "--codex", "/no/such/codex")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertIn("parity: codex.binary: '/no/such/codex'", ran.stderr)
        self.assertEqual(list(self.build.iterdir()), [])

    def test_the_list_has_every_scenario_and_what_it_shows(self) -> None:
        out = StringIO()
        with redirect_stdout(out):
            self.assertEqual(main(["list"]), 0)
        for scenario, line in zip(SCENARIOS, out.getvalue().splitlines(), strict=True):
            self.assertEqual((line.split()[0], line.endswith(scenario.about)), (scenario.id, True))

    def test_a_scenario_nobody_knows_is_told(self) -> None:
        err = StringIO()
        with redirect_stderr(err):
            self.assertEqual(main(["compare", "bogus"]), 2)
        self.assertIn("no scenario bogus", err.getvalue())
