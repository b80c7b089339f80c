from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError, load
from codexd.settings import Settings

TWO = """
[[codex]]
name = "own"
home = "/own"
workers = 2
[[codex]]
name = "work"
prefix = "work/"
home = "/work"
"""
HASH = "0" * 64


def read(text: str, **environ: str) -> Settings:
    return load(config="f", read=lambda path: text, environ=environ).settings


class HomeTablesTests(SynchronousTestCase):
    def test_one_table_in_brackets_of_either_kind_is_the_same(self) -> None:
        table = 'workers = 3\nhome = "/a"\n'
        self.assertEqual(read(f"[codex]\n{table}"), read(f"[[codex]]\n{table}"))
        self.assertEqual(read("codex = []"), Settings())

    def test_the_first_table_is_the_one_of_flags_and_variables(self) -> None:
        settings = read(TWO, CODEXD_CODEX_WORKERS="5")
        self.assertEqual([(one.name, one.workers) for one in settings.homes], [("own", 5), ("work", 1)])

    def test_errors_name_the_number_of_the_table(self) -> None:
        for text, expected in (
            ("[[codex]]\n[[codex]]\nworkers = 0", "codex[1].workers: must be at least 1, not 0 (f)"),
            ("[[codex]]\n[[codex]]\nworker = 1", "codex[1].worker: unknown key"),
            ("codex = [1]", "codex: must be a table"),
            ("[[further_codex]]", "further_codex: unknown"),
        ):
            self.assertIn(expected, str(self.assertRaises(ConfigurationError, read, text)))


class HomeRulesTests(SynchronousTestCase):
    def problems(self, text: str) -> str:
        return str(self.assertRaises(ConfigurationError, read, text))

    def test_two_homes_are_valid(self) -> None:
        self.assertEqual(len(read(TWO).homes), 2)

    def test_names_are_unique_and_valid(self) -> None:
        self.assertIn("codex: 2 tables have the name 'codex'", self.problems("[[codex]]\n[[codex]]\n"))
        self.assertIn("codex: 'a b' is not a valid name", self.problems('[codex]\nname = "a b"'))
        upstream = '[[upstream]]\nname = "codex"\nbase_url = "http://a/v1"'
        self.assertIn("an upstream has the same name", self.problems(upstream))

    def test_each_home_has_its_own_directory_and_prefix(self) -> None:
        found = self.problems('[[codex]]\nname = "a"\n[[codex]]\nname = "b"')
        self.assertIn("codex 'a': home must be set", found)
        self.assertIn("codex: 2 tables have no prefix", found)
        for other in ("/own", "/own/", "/work/../own", "/./own//", "//own"):
            same = TWO.replace('"/work"', f'"{other}"')
            self.assertIn("2 tables have the home '/own'", self.problems(same))
        upstream = '[[upstream]]\nname = "w"\nprefix = "work/"\nbase_url = "http://a/v1"'
        self.assertIn("upstream 'w' has the same prefix", self.problems(TWO + upstream))

    def test_a_prefix_can_be_sent_and_is_not_a_pattern(self) -> None:
        upstream = '[[upstream]]\nname = "u"\nbase_url = "http://a/v1"\nprefix = "%s"\n'
        for prefix in ("\\n", " w/", "w /", "*/", "\u00e9/", "x" * 65):
            self.assertIn("codex 'work': prefix must be", self.problems(TWO.replace("work/", prefix)))
            self.assertIn("upstream 'u': prefix must be", self.problems(upstream % prefix))
        self.assertEqual(read(TWO.replace("work/", "x" * 64)).homes[1].prefix, "x" * 64)

    def test_prefixes_that_other_names_may_have_are_warned_of(self) -> None:
        def warnings(text: str) -> str:
            return "\n".join(load(config="f", read=lambda path: text, environ={}).warnings)

        self.assertEqual(warnings(TWO), "")
        self.assertIn("codex 'work': the names of other models may begin", warnings(TWO.replace("work/", "gpt-")))
        nested = TWO + '[[upstream]]\nname = "u"\nbase_url = "http://a/v1"\nprefix = "work/u/"\n'
        self.assertIn("upstream 'u': its prefix 'work/u/' begins with 'work/' of codex 'work'", warnings(nested))

    def test_the_longest_prefix_decides_whose_model_a_fallback_is(self) -> None:
        upstream = '[[upstream]]\nname = "u"\nbase_url = "http://a/v1"\nprefix = "work/u/"\n'
        alias = '[[models.alias]]\nname = "a"\ncodex = "own"\nfallback = ["work/u/x"]\n'
        self.assertEqual(len(read(TWO + upstream + alias).homes), 2)

    def test_aliases_and_keys_name_tables_that_exist(self) -> None:
        alias = '[[models.alias]]\nname = "a"\ncodex = "home"\n'
        self.assertIn("models.alias 'a': there is no table [[codex]] named 'home'", self.problems(TWO + alias))
        key = f'[[key]]\nname = "k"\nsha256 = "{HASH}"\ncodex = "home"\n'
        self.assertIn("key 'k': there is no table [[codex]] named 'home'", self.problems(TWO + key))

    def test_a_fallback_never_goes_from_one_home_to_another(self) -> None:
        other = '[[models.alias]]\nname = "b"\ncodex = "work"\n'
        upstream = '[[upstream]]\nname = "u"\nmodels = ["llama"]\nbase_url = "http://a/v1"\n'
        for home, fallback in (("own", "work/x"), ("own", "b"), ("work", "gpt"), ("work", "gpt-5-high")):
            alias = f'[[models.alias]]\nname = "a"\ncodex = "{home}"\nfallback = ["{fallback}"]\n'
            self.assertIn("models.alias 'a': fallback goes from the Codex home", self.problems(TWO + other + alias))
        hop = '[[models.alias]]\nname = "a"\nupstream = "u"\nfallback = ["gpt", "work/x"]\n'
        self.assertIn("fallback goes", self.problems(TWO + upstream + hop))
        for home, fallback in (("own", "gpt"), ("work", "b"), ("work", "llama")):
            alias = f'[[models.alias]]\nname = "a"\ncodex = "{home}"\nfallback = ["{fallback}"]\n'
            self.assertEqual(len(read(TWO + other + upstream + alias).homes), 2)
