import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import codex_cli_bin
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import Misconfigured
from codexd.home import binary, codex_home, has_login, is_temporary, own_home, serving
from codexd.settings import Codex


class HomeCase(SynchronousTestCase):
    """Works in a directory of its own, which plays the user's home."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir()
        self.environ = {"HOME": str(self.root)}

    def directory(self, name: str, **files: str) -> Path:
        made = self.root / name
        made.mkdir(parents=True)
        for file, text in files.items():
            (made / file.replace("_", ".")).write_text(text, encoding="utf-8")
        return made


class BinaryTests(HomeCase):
    def test_the_pinned_program_is_used_unless_told_otherwise(self) -> None:
        self.assertEqual(binary(Codex()), codex_cli_bin.bundled_codex_path())

    def test_a_pinned_program_that_is_not_installed_is_told(self) -> None:
        def gone() -> Path:
            raise FileNotFoundError("no binary")

        self.patch(codex_cli_bin, "bundled_codex_path", gone)
        error = self.assertRaises(Misconfigured, binary, Codex())
        self.assertIn("codex.binary: the Codex program that belongs to codexd is not installed", str(error))

    def test_another_program_is_found_by_path(self) -> None:
        program = self.root / "codex"
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
        self.assertEqual(binary(Codex(binary=str(program))), program)

    def test_a_program_that_cannot_be_run_is_told(self) -> None:
        self.directory("bin", codex="not executable")
        for path in (self.root / "gone", self.root / "bin" / "codex", self.root):
            error = self.assertRaises(Misconfigured, binary, Codex(binary=str(path)))
            self.assertEqual(str(error), f"codex.binary: {str(path)!r} is not a program that can be run")


class CodexHomeTests(HomeCase):
    def home(self, codex: Codex | None = None, more: Mapping[str, str] | None = None) -> Path:
        return codex_home(codex or Codex(), {**self.environ, **(more or {})})

    def test_the_chosen_one_comes_first_then_the_variable_then_a_login_then_our_own(self) -> None:
        chosen, variable = self.directory("chosen"), self.directory("variable")
        own = self.root / ".local/state/codexd/codex-home"
        self.assertEqual(self.home(), own)
        personal = self.directory(".codex", auth_json="{}")
        self.assertEqual(self.home(), personal)
        self.assertEqual(self.home(more={"CODEX_HOME": str(variable)}), variable)
        self.assertEqual(self.home(Codex(home=str(chosen)), {"CODEX_HOME": str(variable)}), chosen)

    def test_a_personal_home_without_login_is_left_alone(self) -> None:
        self.directory(".codex", config_toml='model = "gpt"\n')
        self.assertEqual(self.home(), own_home(self.environ))

    def test_the_scripted_model_never_runs_in_a_persons_home(self) -> None:
        personal = self.directory(".codex", auth_json="{}")
        home = self.home(Codex(model="scripted"), {"CODEX_HOME": str(personal)})
        self.assertEqual(home, own_home(self.environ))

    def test_our_own_is_for_its_user_alone(self) -> None:
        self.assertEqual(stat.S_IMODE(self.home().stat().st_mode), 0o700)

    def test_our_own_lies_in_the_state_directory(self) -> None:
        base = str(self.root)
        cases = {
            "STATE_DIRECTORY": f"{base}/codex-home",
            "XDG_STATE_HOME": f"{base}/codexd/codex-home",
        }
        for variable, expected in cases.items():
            self.assertEqual(str(own_home({**self.environ, variable: base})), expected)
        two = {**self.environ, "STATE_DIRECTORY": f"{base}:/other", "XDG_STATE_HOME": "/x"}
        self.assertEqual(str(own_home(two)), f"{base}/codex-home")

    def test_a_chosen_home_that_is_not_there_is_told_and_not_made(self) -> None:
        gone = self.root / "gone"
        error = self.assertRaises(Misconfigured, self.home, Codex(home=str(gone)))
        self.assertIn(f"codex.home: {gone} is not a directory", str(error))
        error = self.assertRaises(Misconfigured, self.home, None, {"CODEX_HOME": str(gone)})
        self.assertIn(f"CODEX_HOME: {gone} is not a directory", str(error))
        self.assertFalse(gone.exists())

    def test_a_state_directory_that_cannot_be_made_is_told(self) -> None:
        self.directory("state", codexd="a file in the way")
        error = self.assertRaises(Misconfigured, self.home, None, {"XDG_STATE_HOME": f"{self.root}/state"})
        self.assertIn("codex.home: ", str(error))


class LoginTests(HomeCase):
    def test_what_codex_would_log_in_with_is_a_login(self) -> None:
        cases = {
            "auth": {"auth_json": "{}"},
            "keyring": {"config_toml": 'cli_auth_credentials_store = "keyring"\n'},
            "provider": {"config_toml": 'model_provider = "mine"\n[model_providers.mine]\nname = "m"\n'},
            "profile": {"config_toml": 'profile = "p"\n[profiles.p]\nmodel_provider = "mine"\n'},
        }
        for name, files in cases.items():
            self.assertTrue(has_login(self.directory(name, **files)), name)

    def test_what_leads_nowhere_is_not(self) -> None:
        cases = {
            "empty": {},
            "empty auth": {"auth_json": ""},
            "openai": {"config_toml": 'model_provider = "openai"\n'},
            "unused provider": {"config_toml": '[model_providers.mine]\nname = "m"\n'},
            "unused profile": {"config_toml": '[profiles.p]\nmodel_provider = "mine"\n'},
            "broken": {"config_toml": "model_provider = \n"},
            "odd": {"config_toml": 'profile = "p"\nprofiles = 3\n'},
        }
        for name, files in cases.items():
            self.assertFalse(has_login(self.directory(name, **files)), name)
        self.assertFalse(has_login(self.root / "gone"))

    def test_a_login_decides_what_auto_serves(self) -> None:
        known, stranger = self.directory("known", auth_json="{}"), self.directory("stranger")
        self.assertEqual(serving(Codex(), known), "account")
        self.assertEqual(serving(Codex(), stranger), "scripted")
        self.assertEqual(serving(Codex(), stranger, elsewhere=True), "none")
        self.assertEqual(serving(Codex(), known, elsewhere=True), "account")
        self.assertEqual(serving(Codex(model="scripted"), known), "scripted")
        self.assertEqual(serving(Codex(model="account"), known), "account")

    def test_insisting_on_an_account_without_login_is_told(self) -> None:
        error = self.assertRaises(Misconfigured, serving, Codex(model="account"), self.root)
        self.assertIn("`codexd login`", str(error))


class TemporaryTests(SynchronousTestCase):
    def test_a_home_under_the_temporary_directory_is_known(self) -> None:
        self.assertTrue(is_temporary(Path(tempfile.gettempdir()) / "codex-home"))
        self.assertFalse(is_temporary(Path(os.sep) / "srv" / "codex-home"))
