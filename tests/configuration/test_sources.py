from hypothesis import given
from hypothesis.strategies import integers, sampled_from
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.registry import Setting, list_settings
from codexd.configuration.sources import (
    ConfigurationError,
    Override,
    parse_environ,
    parse_flag,
    parse_text,
    parse_toml,
)

WITH_VARIABLE = [setting for setting in list_settings() if not setting.is_table_list]


def find_setting(key: str) -> Setting:
    return next(setting for setting in list_settings() if setting.key == key)


class ParseTomlTests(SynchronousTestCase):
    def test_every_key_is_an_override_with_the_files_name(self) -> None:
        overrides = list(parse_toml('[http]\nlisten = ["tcp:1"]\n[log]\nlevel = "warn"\n', "a.toml"))
        expected = [Override("http.listen", ["tcp:1"], "a.toml"), Override("log.level", "warn", "a.toml")]
        self.assertEqual(overrides, expected)

    def test_a_top_level_list_of_tables_is_one_override(self) -> None:
        overrides = list(parse_toml('[[upstream]]\nname = "a"\n[[upstream]]\nname = "b"\n', "a.toml"))
        self.assertEqual(overrides, [Override("upstream", [{"name": "a"}, {"name": "b"}], "a.toml")])

    def test_invalid_toml_is_an_error_with_its_line(self) -> None:
        error = self.assertRaises(ConfigurationError, list, parse_toml("[http\n", "a.toml"))
        self.assertRegex(str(error), r"^a\.toml: not valid TOML: .*line 1")

    def test_an_unknown_table_is_an_error_even_when_empty(self) -> None:
        error = self.assertRaises(ConfigurationError, list, parse_toml("[htp]\n", "a.toml"))
        self.assertEqual(str(error), "htp: unknown table; did you mean http? (a.toml)")

    def test_a_key_outside_a_table_is_an_error(self) -> None:
        error = self.assertRaises(ConfigurationError, list, parse_toml("port = 80\nhttp = 3\n", "a.toml"))
        self.assertEqual(error.problems, ("port: unknown key (a.toml)", "http: must be a table (a.toml)"))


class ParseEnvironTests(SynchronousTestCase):
    def test_every_setting_but_lists_of_tables_has_a_variable(self) -> None:
        environ = {setting.variable: "1" for setting in WITH_VARIABLE}
        self.assertEqual(
            {override.key for override in parse_environ(environ)}, {setting.key for setting in WITH_VARIABLE}
        )

    def test_other_variables_are_ignored(self) -> None:
        self.assertEqual(list(parse_environ({"CODEX_HOME": "/h", "PATH": "/bin"})), [])

    def test_an_unknown_variable_is_an_error_with_the_closest_name(self) -> None:
        error = self.assertRaises(ConfigurationError, list, parse_environ({"CODEXD_HTTP_LSITEN": "x"}))
        self.assertEqual(str(error), "CODEXD_HTTP_LSITEN: unknown variable; did you mean CODEXD_HTTP_LISTEN?")

    def test_a_table_list_has_no_variable(self) -> None:
        error = self.assertRaises(ConfigurationError, list, parse_environ({"CODEXD_MODELS_ALIAS": "x"}))
        self.assertEqual(
            str(error), "CODEXD_MODELS_ALIAS: unknown variable; no setting of [models] has this name and a variable"
        )

    def test_short_forms_set_the_same_settings(self) -> None:
        environ = {"CODEXD_API_KEYS": "a, b", "CODEXD_CODEX": "/c", "CODEXD_LISTEN": "tcp:1; unix:/s\ttcp:2"}
        self.assertEqual(
            {override.key: override.value for override in parse_environ(environ)},
            {
                "http.api_keys": ["a", "b"],
                "codex.binary": "/c",
                "http.listen": ["tcp:1", "unix:/s", "tcp:2"],
            },
        )

    def test_two_variables_of_one_setting_are_an_error(self) -> None:
        environ = {"CODEXD_LISTEN": "tcp:1", "CODEXD_HTTP_LISTEN": "tcp:2"}
        error = self.assertRaises(ConfigurationError, list, parse_environ(environ))
        self.assertEqual(str(error), "CODEXD_HTTP_LISTEN and CODEXD_LISTEN: both set http.listen; remove one")

    def test_an_empty_variable_counts_as_not_set(self) -> None:
        self.assertEqual(list(parse_environ({"CODEXD_API_KEYS": "", "CODEXD_BOGUS": ""})), [])


class ParseTextTests(SynchronousTestCase):
    @given(integers())
    def test_whole_numbers_are_converted(self, number: int) -> None:
        self.assertEqual(parse_text(find_setting("codex.workers"), str(number)), number)

    @given(sampled_from([("true", True), ("YES", True), ("1", True), ("off", False), ("No", False)]))
    def test_booleans_have_several_spellings(self, case: tuple[str, bool]) -> None:
        self.assertIs(parse_text(find_setting("turns.affinity"), case[0]), case[1])

    def test_a_list_of_numbers_is_separated_by_commas(self) -> None:
        self.assertEqual(parse_text(find_setting("images.ports"), "80, 8080,x"), [80, 8080, "x"])
        self.assertEqual(parse_text(find_setting("images.allow_private"), "10.0.0.0/8, a.lan"), ["10.0.0.0/8", "a.lan"])

    def test_text_that_cannot_be_converted_is_returned(self) -> None:
        self.assertEqual(parse_text(find_setting("codex.workers"), "many"), "many")
        self.assertEqual(parse_text(find_setting("turns.affinity"), "perhaps"), "perhaps")

    def test_a_flag_is_converted_to_the_settings_type(self) -> None:
        self.assertEqual(parse_flag("codex.workers", "4", "--workers"), Override("codex.workers", 4, "--workers"))

    def test_the_repr_of_an_override_does_not_show_a_key(self) -> None:
        self.assertNotIn("sk-secret", repr(Override("http.api_keys", ["sk-secret"], "--api-key")))
