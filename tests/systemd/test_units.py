"""The units are those of etc/, systemd accepts them, they are hardened, and they start what everything else starts."""

import re
import shutil
import subprocess
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from codexd.systemd.commands import find_systemd_version
from codexd.systemd.units import Service, render_examples
from tests.support.live_daemon import TWISTD

ROOT = Path(__file__).parents[2]
MAX_EXPOSURE = 2.0
SERVICES = [
    Service(scope=scope, is_template=is_template) for scope in ("system", "user") for is_template in (False, True)
]


def values(text: str, key: str) -> list[str]:
    """Return the values of a key of a unit."""
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


class UnitTests(SynchronousTestCase):
    def test_the_files_of_etc_are_rendered(self) -> None:
        for name, text in render_examples().items():
            self.assertEqual((ROOT / "etc" / name).read_text(), text, f"{name}: make reference")

    def test_no_placeholder_is_left(self) -> None:
        for service in SERVICES:
            for text in (service.render_service(), service.render_socket(), service.render_agents()):
                self.assertNotRegex(text.replace("$MAINPID", ""), r"\$")

    def test_each_instance_has_its_own_files(self) -> None:
        text = Service(is_template=True).render_service()
        for key, value in (
            ("LoadCredential", "keys:/etc/codexd/%i.keys"),
            ("User", "codexd-%i"),
            ("StateDirectory", "codexd-%i"),
            ("SyslogIdentifier", "codexd-%i"),
        ):
            self.assertEqual(values(text, key), [value])
        self.assertEqual(values(Service(is_template=True).render_socket(), "ListenStream"), ["%t/codexd-%i.sock"])

    def test_the_reload_is_one_that_the_version_of_systemd_knows(self) -> None:
        new, old = (Service(systemd_version=version).render_service() for version in (253, 252))
        self.assertEqual((values(new, "Type"), values(new, "ExecReload")), (["notify-reload"], []))
        self.assertEqual((values(old, "Type"), values(old, "ExecReload")), (["notify"], ["/bin/kill -HUP $MAINPID"]))

    def test_the_version_of_systemd_is_read(self) -> None:
        self.assertEqual(find_systemd_version("/bin/no-such-program"), 253)
        program = Path(self.mktemp()).absolute()
        program.write_text("#!/bin/sh\necho 'systemd 249 (249.11)'\necho '+PAM'\n")
        program.chmod(0o700)
        self.assertEqual(find_systemd_version(str(program)), 249)


class AnalyzeTests(SynchronousTestCase):
    """systemd-analyze on the units of this version of systemd, whose programs are those of the tests."""

    def setUp(self) -> None:
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("systemd-analyze is not installed (Debian package systemd)")
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def write(self, *, is_template: bool) -> list[str]:
        service = Service(
            is_template=is_template,
            programs=str(TWISTD.parent),
            systemd_version=find_systemd_version("systemd-analyze"),
        )
        units = {".service": service.render_service(), ".socket": service.render_socket()}
        for suffix, text in units.items():
            (self.folder / f"{service.unit}{suffix}").write_text(text)
        return [str(self.folder / f"{service.unit}{suffix}") for suffix in units]

    def analyze(self, *argv: str) -> str:
        run = subprocess.run(
            ["systemd-analyze", *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(run.returncode, 0, run.stdout)
        return run.stdout

    def test_systemd_accepts_the_units(self) -> None:
        for is_template in (False, True):
            problems = self.analyze("verify", "--man=no", *self.write(is_template=is_template))
            self.assertEqual([line for line in problems.splitlines() if "codexd" in line], [])

    def test_the_services_are_hardly_exposed(self) -> None:
        for is_template in (False, True):
            report = self.analyze("security", "--offline=yes", "--no-pager", self.write(is_template=is_template)[0])
            level = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
            assert level is not None, report
            self.assertLessEqual(float(level[1]), MAX_EXPOSURE)
