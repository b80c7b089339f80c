import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import codex_cli_bin
from twisted.trial.unittest import SynchronousTestCase

from codexd.codex_home import (
    candidate_homes,
    choose_provider,
    find_codex_binary,
    find_codex_home,
    find_configured_provider,
    has_account,
    has_login,
    is_temporary,
    own_codex_home,
)
from codexd.configuration import ConfigurationError
from codexd.settings import Codex


class HomeTestCase(SynchronousTestCase):
    """Uses a new directory as the user's home."""

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


class FindCodexBinaryTests(HomeTestCase):
    def test_the_default_is_the_pinned_program(self) -> None:
        self.assertEqual(find_codex_binary(Codex()), codex_cli_bin.bundled_codex_path())

    def test_a_missing_pinned_program_is_an_error(self) -> None:
        def gone() -> Path:
            raise FileNotFoundError("no binary")

        self.patch(codex_cli_bin, "bundled_codex_path", gone)
        error = self.assertRaises(ConfigurationError, find_codex_binary, Codex())
        self.assertIn("codex.binary: the pinned Codex program is not installed", str(error))

    def test_a_configured_program_is_found_by_path(self) -> None:
        program = self.root / "codex"
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
        self.assertEqual(find_codex_binary(Codex(binary=str(program))), program)

    def test_a_program_that_is_not_executable_is_an_error(self) -> None:
        self.directory("bin", codex="not executable")
        for path in (self.root / "gone", self.root / "bin" / "codex", self.root):
            error = self.assertRaises(ConfigurationError, find_codex_binary, Codex(binary=str(path)))
            self.assertEqual(str(error), f"codex.binary: {str(path)!r} is not an executable program")


class PrivateDirectoriesTests(HomeTestCase):
    def test_the_state_directory_and_the_home_in_it_are_private_whatever_the_umask_is(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        home = find_codex_home(Codex(model="scripted"), self.environ)
        self.assertEqual([stat.S_IMODE(place.stat().st_mode) for place in (home, home.parent)], [0o700, 0o700])


class FindCodexHomeTests(HomeTestCase):
    def home(self, codex: Codex | None = None, more: Mapping[str, str] | None = None) -> Path:
        """Return the home that is found, which must be the one that the candidates imply."""
        codex, environ = codex or Codex(), {**self.environ, **(more or {})}
        home = find_codex_home(codex, environ)
        *others, last = candidate_homes(codex, environ)
        self.assertEqual(home, next(filter(has_login, others), last))
        return home

    def test_precedence_is_setting_variable_personal_login_own_home(self) -> None:
        chosen, variable = self.directory("chosen"), self.directory("variable")
        own = self.root / ".local/state/codexd/codex-home"
        self.assertEqual(self.home(), own)
        personal = self.directory(".codex", auth_json="{}")
        self.assertEqual(self.home(), personal)
        self.assertEqual(self.home(more={"CODEX_HOME": str(variable)}), variable)
        self.assertEqual(self.home(Codex(home=str(chosen)), {"CODEX_HOME": str(variable)}), chosen)

    def test_a_personal_home_without_login_is_not_used(self) -> None:
        self.directory(".codex", config_toml='model = "gpt"\n')
        self.assertEqual(self.home(), own_codex_home(self.environ))

    def test_the_scripted_model_never_uses_a_personal_home(self) -> None:
        personal = self.directory(".codex", auth_json="{}")
        home = self.home(Codex(model="scripted"), {"CODEX_HOME": str(personal)})
        self.assertEqual(home, own_codex_home(self.environ))

    def test_the_own_home_has_mode_700(self) -> None:
        self.assertEqual(stat.S_IMODE(self.home().stat().st_mode), 0o700)

    def test_the_own_home_is_in_the_state_directory(self) -> None:
        base = str(self.root)
        cases = {
            "STATE_DIRECTORY": f"{base}/codex-home",
            "XDG_STATE_HOME": f"{base}/codexd/codex-home",
        }
        for variable, expected in cases.items():
            self.assertEqual(str(own_codex_home({**self.environ, variable: base})), expected)
        two = {**self.environ, "STATE_DIRECTORY": f"{base}:/other", "XDG_STATE_HOME": "/x"}
        self.assertEqual(str(own_codex_home(two)), f"{base}/codex-home")

    def test_a_missing_configured_home_is_an_error_and_not_created(self) -> None:
        gone = self.root / "gone"
        error = self.assertRaises(ConfigurationError, self.home, Codex(home=str(gone)))
        self.assertIn(f"codex.home: {gone} is not a directory", str(error))
        error = self.assertRaises(ConfigurationError, self.home, None, {"CODEX_HOME": str(gone)})
        self.assertIn(f"CODEX_HOME: {gone} is not a directory", str(error))
        self.assertFalse(gone.exists())

    def test_a_state_directory_that_cannot_be_created_is_an_error(self) -> None:
        self.directory("state", codexd="a file in the way")
        error = self.assertRaises(ConfigurationError, self.home, None, {"XDG_STATE_HOME": f"{self.root}/state"})
        self.assertIn("codex.home: ", str(error))


class LoginTests(HomeTestCase):
    def test_all_credentials_of_codex_count_as_login(self) -> None:
        cases = {
            "auth": {"auth_json": "{}"},
            "keyring": {"config_toml": 'cli_auth_credentials_store = "keyring"\n'},
            "provider": {"config_toml": 'model_provider = "mine"\n[model_providers.mine]\nname = "m"\n'},
            "profile": {"config_toml": 'profile = "p"\n[profiles.p]\nmodel_provider = "mine"\n'},
        }
        for name, files in cases.items():
            self.assertTrue(has_login(self.directory(name, **files)), name)

    def test_unused_or_broken_configuration_is_no_login(self) -> None:
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

    def test_auto_chooses_by_login(self) -> None:
        known, stranger = self.directory("known", auth_json="{}"), self.directory("stranger")
        self.assertEqual(choose_provider(Codex(), known), "account")
        self.assertEqual(choose_provider(Codex(), stranger), "scripted")
        self.assertEqual(choose_provider(Codex(), stranger, has_upstreams=True), "none")
        self.assertEqual(choose_provider(Codex(), known, has_upstreams=True), "account")
        self.assertEqual(choose_provider(Codex(model="scripted"), known), "scripted")
        self.assertEqual(choose_provider(Codex(model="account"), known), "account")

    def test_the_provider_of_the_configuration_is_found_unless_the_account_is_not_used(self) -> None:
        text = 'model_provider = "mine"\n[model_providers.mine]\nbase_url = "http://a/v1"\n'
        home, plain = self.directory("mine", config_toml=text), self.directory("plain")
        found = find_configured_provider(Codex(), home, "account")
        assert found is not None
        self.assertEqual(found.id, "mine")
        self.assertIsNone(find_configured_provider(Codex(), home, "scripted"))
        self.assertIsNone(find_configured_provider(Codex(), plain, "account"))
        self.assertEqual((has_account(home), has_account(self.directory("logged", auth_json="{}"))), (False, True))

    def test_overrides_in_the_settings_select_a_provider_too(self) -> None:
        flags = ("model_provider=mine", 'model_providers.mine.base_url="http://a/v1"')
        plain = self.directory("plain")
        self.assertEqual(choose_provider(Codex(config=flags), plain), "account")
        found = find_configured_provider(Codex(config=flags), plain, "account")
        assert found is not None
        self.assertEqual(found.base_url, "http://a/v1")

    def test_account_without_login_is_an_error(self) -> None:
        error = self.assertRaises(ConfigurationError, choose_provider, Codex(model="account"), self.root)
        self.assertIn("`codexd login`", str(error))
        self.assertIn(f"no login in {self.root}; ", str(error))

    def test_the_error_names_every_home_that_was_examined(self) -> None:
        candidates = candidate_homes(Codex(), self.environ)
        error = self.assertRaises(
            ConfigurationError, choose_provider, Codex(model="account"), self.root, candidates=candidates
        )
        own = self.root / ".local/state/codexd/codex-home"
        self.assertIn(f"no login in {self.root / '.codex'} or {own}; ", str(error))


class TemporaryTests(SynchronousTestCase):
    def test_a_home_in_the_temporary_directory_is_detected(self) -> None:
        self.assertTrue(is_temporary(Path(tempfile.gettempdir()) / "codex-home"))
        self.assertFalse(is_temporary(Path(os.sep) / "srv" / "codex-home"))
