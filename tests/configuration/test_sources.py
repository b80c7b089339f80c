from hypothesis import given
from hypothesis.strategies import integers, sampled_from
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.catalogue import Entry, entries
from codexd.configuration.sources import Choice, Misconfigured, from_environ, from_flag, from_toml, spelled

SPELLABLE = [entry for entry in entries() if not entry.only_in_toml]


def entry_of(key: str) -> Entry:
    return next(entry for entry in entries() if entry.key == key)


class TomlTests(SynchronousTestCase):
    def test_every_key_becomes_a_choice_with_the_files_name(self) -> None:
        choices = list(from_toml('[http]\nlisten = ["tcp:1"]\n[log]\nlevel = "warn"\n', "a.toml"))
        expected = [Choice("http.listen", ["tcp:1"], "a.toml"), Choice("log.level", "warn", "a.toml")]
        self.assertEqual(choices, expected)

    def test_a_list_of_tables_at_the_top_is_one_choice(self) -> None:
        choices = list(from_toml('[[upstream]]\nname = "a"\n[[upstream]]\nname = "b"\n', "a.toml"))
        self.assertEqual(choices, [Choice("upstream", [{"name": "a"}, {"name": "b"}], "a.toml")])

    def test_what_is_not_toml_is_told_with_its_place(self) -> None:
        error = self.assertRaises(Misconfigured, list, from_toml("[http\n", "a.toml"))
        self.assertRegex(str(error), r"^a\.toml: not TOML: .*line 1")

    def test_an_unknown_table_is_told_even_when_it_is_empty(self) -> None:
        error = self.assertRaises(Misconfigured, list, from_toml("[htp]\n", "a.toml"))
        self.assertEqual(str(error), "htp: unknown table; did you mean http? (a.toml)")

    def test_a_key_outside_every_table_is_told(self) -> None:
        error = self.assertRaises(Misconfigured, list, from_toml("port = 80\nhttp = 3\n", "a.toml"))
        self.assertEqual(error.problems, ("port: unknown key (a.toml)", "http: must be a table (a.toml)"))


class EnvironTests(SynchronousTestCase):
    def test_every_setting_but_lists_of_tables_has_a_variable(self) -> None:
        environ = {entry.variable: "1" for entry in SPELLABLE}
        self.assertEqual({choice.key for choice in from_environ(environ)}, {entry.key for entry in SPELLABLE})

    def test_variables_of_others_are_left_alone(self) -> None:
        self.assertEqual(list(from_environ({"CODEX_HOME": "/h", "PATH": "/bin"})), [])

    def test_an_unknown_variable_is_told_with_the_nearest_one(self) -> None:
        error = self.assertRaises(Misconfigured, list, from_environ({"CODEXD_HTTP_LSITEN": "x"}))
        self.assertEqual(str(error), "CODEXD_HTTP_LSITEN: unknown variable; did you mean CODEXD_HTTP_LISTEN?")

    def test_an_alias_cannot_be_spelled_as_a_variable(self) -> None:
        error = self.assertRaises(Misconfigured, list, from_environ({"CODEXD_MODELS_ALIAS": "x"}))
        self.assertIn("CODEXD_MODELS_ALIAS: unknown variable", str(error))

    def test_short_forms_set_the_same_settings(self) -> None:
        environ = {"CODEXD_API_KEYS": "a, b", "CODEXD_CODEX": "/c", "CODEXD_LISTEN": "tcp:1; unix:/s\ttcp:2"}
        self.assertEqual(
            {choice.key: choice.value for choice in from_environ(environ)},
            {
                "http.api_keys": ["a", "b"],
                "codex.binary": "/c",
                "http.listen": ["tcp:1", "unix:/s", "tcp:2"],
            },
        )

    def test_a_setting_chosen_by_two_variables_is_told(self) -> None:
        environ = {"CODEXD_LISTEN": "tcp:1", "CODEXD_HTTP_LISTEN": "tcp:2"}
        error = self.assertRaises(Misconfigured, list, from_environ(environ))
        self.assertEqual(str(error), "CODEXD_HTTP_LISTEN and CODEXD_LISTEN: both set http.listen; keep one")

    def test_an_empty_variable_counts_as_not_set(self) -> None:
        self.assertEqual(list(from_environ({"CODEXD_API_KEYS": "", "CODEXD_BOGUS": ""})), [])


class SpellingTests(SynchronousTestCase):
    @given(integers())
    def test_whole_numbers_are_read_back(self, number: int) -> None:
        self.assertEqual(spelled(entry_of("codex.workers"), str(number)), number)

    @given(sampled_from([("true", True), ("YES", True), ("1", True), ("off", False), ("No", False)]))
    def test_truth_is_read_in_its_usual_spellings(self, case: tuple[str, bool]) -> None:
        self.assertIs(spelled(entry_of("turns.affinity"), case[0]), case[1])

    def test_what_cannot_be_read_stays_text_for_the_check_of_types(self) -> None:
        self.assertEqual(spelled(entry_of("codex.workers"), "many"), "many")
        self.assertEqual(spelled(entry_of("turns.affinity"), "perhaps"), "perhaps")

    def test_a_flag_is_read_by_its_settings_type(self) -> None:
        self.assertEqual(
            from_flag("codex.workers", "4", "--workers"), Choice("codex.workers", 4, "--workers")
        )

    def test_the_repr_of_a_choice_does_not_show_a_key(self) -> None:
        self.assertNotIn("sk-secret", repr(Choice("http.api_keys", ["sk-secret"], "--api-key")))
