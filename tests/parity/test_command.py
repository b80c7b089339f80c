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
from tests.parity.fixtures import FixtureDirectory
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

    def test_an_unchanged_scenario_passes(self) -> None:
        ran = self.parity("compare", NAME)
        self.assertEqual((ran.returncode, ran.stdout), (0, "1 scenarios compared, 0 differences\n"), ran.stderr)

    def test_a_difference_fails_and_a_capture_resolves_it(self) -> None:
        directory = FixtureDirectory(self.fixtures)
        right = directory.load(NAME)
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
        captured = directory.load(NAME)
        assert right is not None
        assert captured is not None
        self.assertEqual(captured.sections, right.sections)

    def test_a_missing_codex_is_an_error(self) -> None:
        ran = self.parity("compare", NAME, "--codex", "/no/such/codex")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertIn("parity: codex.binary: '/no/such/codex'", ran.stderr)
        self.assertEqual(list(self.build.iterdir()), [])

    def test_the_list_shows_every_scenario_with_its_description(self) -> None:
        out = StringIO()
        with redirect_stdout(out):
            self.assertEqual(main(["list"]), 0)
        for scenario, line in zip(SCENARIOS, out.getvalue().splitlines(), strict=True):
            self.assertEqual((line.split()[0], line.endswith(scenario.about)), (scenario.id, True))

    def test_a_directory_selects_the_scenarios_in_it(self) -> None:
        for name, ids in (
            (NAME, {NAME}),
            ("gated/", {scenario.id for scenario in SCENARIOS if scenario.place == "gated"}),
            ("codex/models", {"codex/models/list", "codex/models/one", "codex/models/unknown"}),
        ):
            out = StringIO()
            with redirect_stdout(out):
                self.assertEqual(main(["list", name]), 0)
            self.assertEqual({line.split()[0] for line in out.getvalue().splitlines()}, ids)

    def test_an_unknown_scenario_is_an_error(self) -> None:
        err = StringIO()
        with redirect_stderr(err):
            self.assertEqual(main(["compare", "bogus"]), 2)
        self.assertIn("unknown scenario: bogus", err.getvalue())
