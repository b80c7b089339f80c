from hypothesis import given
from hypothesis.strategies import text
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.sources import ConfigurationError, Override
from codexd.configuration.structure import structure
from codexd.settings import ModelAlias, Settings, Upstream


class StructureTests(SynchronousTestCase):
    def problems(self, key: str, value: object) -> tuple[str, ...]:
        return self.assertRaises(ConfigurationError, structure, [Override(key, value, "a.toml")]).problems

    def test_without_overrides_all_is_default(self) -> None:
        self.assertEqual(structure([]), Settings())

    def test_overrides_set_the_fields_of_their_names(self) -> None:
        settings = structure([Override("http.listen", ["tcp:1"], ""), Override("codex.workers", 3, "")])
        self.assertEqual((settings.http.listen, settings.codex.workers), (("tcp:1",), 3))

    def test_aliases_are_built_from_tables(self) -> None:
        settings = structure([Override("models.alias", [{"name": "a", "effort": "low"}], "")])
        self.assertEqual(settings.models.alias, (ModelAlias(name="a", effort="low"),))

    def test_upstreams_are_built_from_top_level_tables(self) -> None:
        settings = structure([Override("upstream", [{"name": "a", "base_url": "http://localhost/v1"}], "")])
        self.assertEqual(settings.upstream, (Upstream(name="a", base_url="http://localhost/v1"),))

    def test_an_unknown_key_is_an_error_with_the_closest_name(self) -> None:
        self.assertEqual(
            self.problems("http.lsiten", []),
            ("http.lsiten: unknown key; did you mean http.listen? (a.toml)",),
        )

    @given(text())
    def test_any_unknown_key_is_an_error_with_its_name(self, name: str) -> None:
        self.assertIn(f"http.{name}?: unknown key", self.problems(f"http.{name}?", 1)[0])

    def test_wrong_types_are_errors_without_the_value(self) -> None:
        cases: list[tuple[str, object, str]] = [
            ("http.api_keys", "sk-secret", "http.api_keys: must be a list, not text"),
            ("http.api_keys", ["ok", 5], "http.api_keys[1]: must be text, not a whole number"),
            ("codex.workers", "many", "codex.workers: must be a whole number, not text"),
            ("codex.workers", True, "codex.workers: must be a whole number, not true or false"),
            ("codex.workers", 1.5, "codex.workers: must be a whole number, not a number"),
            ("codex.home", 1, "codex.home: must be text, not a whole number"),
            ("turns.affinity", 1, "turns.affinity: must be true or false, not a whole number"),
            ("codex.model", "gpt", "codex.model: must be one of auto, account, scripted, none"),
            ("models.alias", {"name": "a"}, "models.alias: must be a list, not a table"),
            ("models.alias", ["a"], "models.alias[0]: must be a table, not text"),
            ("models.alias", [{}], "models.alias[0].name: missing"),
            ("upstream", {"name": "a"}, "upstream: must be a list, not a table"),
            ("upstream", [{"name": "a"}], "upstream[0].base_url: missing"),
        ]
        for key, value, problem in cases:
            self.assertEqual(self.problems(key, value), (f"{problem} (a.toml)",))

    def test_numbers_out_of_range_are_errors_with_the_range(self) -> None:
        cases: list[tuple[str, object, str]] = [
            ("codex.workers", 0, "must be at least 1, not 0"),
            ("turns.idle_seconds", 0, "must be above 0, not 0"),
            ("turns.idle_seconds", float("inf"), "must be above 0, not inf"),
            ("turns.context_share", 1.5, "must be above 0 and at most 1, not 1.5"),
        ]
        for key, value, problem in cases:
            self.assertEqual(self.problems(key, value), (f"{key}: {problem} (a.toml)",))

    def test_a_whole_number_is_converted_to_a_float(self) -> None:
        seconds = structure([Override("turns.idle_seconds", 7, "")]).turns.idle_seconds
        self.assertIs(type(seconds), float)

    def test_all_problems_are_reported_at_once(self) -> None:
        overrides = [
            Override("http.nope", 1, "a"),
            Override("codex.workers", 0, "b"),
            Override("log.level", 3, "c"),
        ]
        error = self.assertRaises(ConfigurationError, structure, overrides)
        self.assertEqual(
            [problem.partition(":")[0] for problem in error.problems],
            ["http.nope", "codex.workers", "log.level"],
        )
