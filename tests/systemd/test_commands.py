"""`codexd install-service` writes what is missing and nothing twice; `uninstall-service` removes only units."""

import os
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import load
from codexd.systemd import commands
from codexd.systemd.commands import InstallationError, install, uninstall


class ServiceCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir()
        self.environ = {"HOME": "/home/ada"}

    def install(self, *argv: str) -> str:
        return self.run_command(lambda rest: install(rest, self.environ, lambda: "sk-new"), argv)

    def uninstall(self, *argv: str) -> str:
        return self.run_command(lambda rest: uninstall(rest, self.environ), argv)

    def run_command(self, run: object, argv: tuple[str, ...]) -> str:
        out = StringIO()
        with redirect_stdout(out):
            run((*argv, "--root", str(self.root)))  # type: ignore[operator]
        return out.getvalue()

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    def test_a_system_service_has_units_a_configuration_and_a_key(self) -> None:
        shown = self.install("--system", "--socket")
        self.assertEqual(
            self.files(),
            {
                "etc/codexd/codexd.toml",
                "etc/codexd/keys",
                "etc/systemd/system/codexd.service",
                "etc/systemd/system/codexd.socket",
            },
        )
        key = self.root / "etc/codexd/keys"
        self.assertEqual((key.read_text(), key.stat().st_mode & 0o777), ("sk-new\n", 0o600))
        self.assertNotIn("sk-new", shown)
        self.assertIn("systemctl enable --now codexd.socket codexd.service\n", shown)
        text = (self.root / "etc/codexd/codexd.toml").read_text()
        load((), {}, {"file": text}.__getitem__, "file")

    def test_an_instance_has_a_configuration_of_its_own(self) -> None:
        shown = self.install("--system", "--instance", "work")
        self.assertEqual(
            self.files(), {"etc/codexd/work.toml", "etc/codexd/work.keys", "etc/systemd/system/codexd@.service"}
        )
        self.assertIn("systemctl enable --now codexd@work.service\n", shown)
        self.assertIn("StateDirectory=codexd-work", shown)

    def test_a_user_service_has_no_key(self) -> None:
        shown = self.install("--user")
        self.assertEqual(
            self.files(), {"home/ada/.config/codexd/codexd.toml", "home/ada/.config/systemd/user/codexd.service"}
        )
        self.assertIn("systemctl --user enable --now codexd.service\n", shown)
        self.environ["XDG_CONFIG_HOME"] = "/home/ada/xdg"
        self.install("--user")
        self.assertIn("home/ada/xdg/codexd/codexd.toml", self.files())

    def test_a_dry_run_writes_nothing(self) -> None:
        shown = self.install("--system", "--dry-run")
        self.assertIn(
            f"to write   {self.root}/etc/systemd/system/codexd.service\n    # codexd.service, written by", shown
        )
        self.assertIn("\n    [Service]\n", shown)
        self.assertNotIn("sk-new", shown)
        self.assertEqual(self.files(), set())

    def test_a_second_run_changes_nothing(self) -> None:
        self.install("--system")
        (self.root / "etc/codexd/codexd.toml").write_text("[codex]\nworkers = 2\n")
        before = {name: (self.root / name).read_bytes() for name in self.files()}
        shown = self.install("--system", "--force")
        self.assertEqual({name: (self.root / name).read_bytes() for name in self.files()}, before)
        self.assertEqual([line.split()[0] for line in shown.splitlines()[:3]], ["kept", "kept", "unchanged"])

    def test_a_changed_unit_is_replaced_only_by_force(self) -> None:
        self.install("--system")
        unit = self.root / "etc/systemd/system/codexd.service"
        text = unit.read_text()
        unit.write_text("[Service]\n")
        error = self.assertRaises(InstallationError, self.install, "--system", "--socket")
        self.assertIn("--force", str(error))
        self.assertNotIn("etc/systemd/system/codexd.socket", self.files())
        self.assertRaises(InstallationError, self.uninstall, "--system")
        self.assertIn("replaced", self.install("--system", "--force"))
        self.assertEqual(unit.read_text(), text)

    def test_removing_leaves_the_configuration_and_the_key(self) -> None:
        self.install("--system", "--socket")
        self.assertIn("to remove  ", self.uninstall("--system", "--dry-run"))
        self.assertEqual(len(self.files()), 4)
        self.uninstall("--system")
        self.assertEqual(self.files(), {"etc/codexd/codexd.toml", "etc/codexd/keys"})
        self.uninstall("--system")

    def test_programs_that_the_unit_cannot_see_are_refused(self) -> None:
        self.patch(commands.sysconfig, "get_path", lambda name: "/home/ada/venv/bin")
        self.patch(commands, "_ROOT", self.root)
        error = self.assertRaises(InstallationError, self.install, "--system")
        self.assertIn("below /home; install codexd in /opt/codexd", str(error))
        self.install("--user")

    def test_what_cannot_be_written_is_an_error(self) -> None:
        (self.root / "etc").write_text("")
        self.assertIn("etc/codexd", str(self.assertRaises(InstallationError, self.install, "--system")))

    def test_wrong_arguments_end_with_a_message(self) -> None:
        for argv in ((), ("--system", "--user"), ("--system", "--instance", "../x"), ("--system", "--instance", "")):
            err = StringIO()
            with redirect_stderr(err):
                self.assertRaises(SystemExit, self.install, *argv)
            self.assertIn("install-service: error", err.getvalue())

    def test_a_user_needs_an_absolute_home(self) -> None:
        for environ, name in (({}, "HOME"), ({"HOME": ""}, "HOME"), ({"HOME": "rel"}, "HOME")):
            self.environ = environ
            error = self.assertRaises(InstallationError, self.install, "--user")
            self.assertIn(f"the variable {name} must be an absolute path", str(error))
        self.environ = {"HOME": "/home/ada", "XDG_CONFIG_HOME": "rel"}
        self.assertIn("XDG_CONFIG_HOME", str(self.assertRaises(InstallationError, self.install, "--user")))
        self.environ = {}
        self.install("--system")

    def test_what_is_no_file_is_refused_before_anything_is_written(self) -> None:
        units = self.root / "etc/systemd/system"
        units.mkdir(parents=True)
        unit = units / "codexd.service"
        (self.root / "other").write_text("mine")
        makers = (
            lambda: unit.symlink_to(self.root / "other"),
            lambda: unit.symlink_to(self.root / "nothing"),
            lambda: os.mkfifo(unit),
        )
        for make in makers:
            make()
            for argv in (("--system",), ("--system", "--force")):
                error = self.assertRaises(InstallationError, self.install, *argv)
                self.assertRegex(str(error), "codexd.service: is (a symbolic link|not a regular file)")
                self.assertNotIn("root", str(error).removeprefix(str(self.root)))
            self.assertFalse((self.root / "etc/codexd").exists())
            self.assertRaises(InstallationError, self.uninstall, "--system")
            self.uninstall("--system", "--force")
        self.assertEqual((self.root / "other").read_text(), "mine")

    def test_a_dangling_link_is_not_followed_for_the_key(self) -> None:
        keys = self.root / "etc/codexd/keys"
        keys.parent.mkdir(parents=True)
        keys.symlink_to(self.root / "nothing")
        self.assertIn("symbolic link", str(self.assertRaises(InstallationError, self.install, "--system")))
        self.assertEqual(self.files(), set())

    def test_a_unit_that_is_not_text_is_replaced_by_force(self) -> None:
        unit = self.root / "etc/systemd/system/codexd.service"
        unit.parent.mkdir(parents=True)
        unit.write_bytes(b"\xff\x00")
        self.assertIn("--force", str(self.assertRaises(InstallationError, self.install, "--system")))
        self.assertIn("replaced", self.install("--system", "--force"))

    def test_root_is_named_only_where_it_would_help(self) -> None:
        (self.root / "etc").write_text("")
        self.assertNotIn("needs root", str(self.assertRaises(InstallationError, self.install, "--system")))
