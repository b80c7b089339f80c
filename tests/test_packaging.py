import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import IPlugin, getPlugins
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.command import main

ROOT = Path(__file__).resolve().parents[1]


class PluginTests(SynchronousTestCase):
    def test_there_is_one_plugin_and_it_names_the_service_module(self) -> None:
        (maker,) = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "codexd"]
        verifyObject(IServiceMaker, maker)
        verifyObject(IPlugin, maker)
        self.assertEqual(maker.module, "codexd.service")

    def test_the_plugin_folders_are_not_packages(self) -> None:
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])

    def test_twistd_finds_the_plugin_from_any_folder(self) -> None:
        elsewhere = Path(self.mktemp())
        elsewhere.mkdir()
        twistd = Path(sysconfig.get_path("scripts")) / "twistd"
        for command in ([str(twistd), "--help"], [sys.executable, "-m", "twisted", "--help"]):
            shown = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True).stdout
            self.assertRegex(shown, r"(?m)^\s+codexd\s+An OpenAI-compatible HTTP API for Codex")


class WheelTests(SynchronousTestCase):
    def test_files_that_are_no_modules_are_in_the_wheel(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        patterns = project["tool"]["setuptools"]["package-data"]["codexd"]
        packaged = {path for pattern in patterns for path in (ROOT / "codexd").glob(pattern)}
        files = {path for path in (ROOT / "codexd").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
        self.assertEqual(files, packaged)


class ScriptTests(SynchronousTestCase):
    def test_the_console_script_is_codexd_command_main(self) -> None:
        (script,) = entry_points(group="console_scripts", name="codexd")
        self.assertIs(script.load(), main)
