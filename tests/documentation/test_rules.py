"""Every code block is run or checked, or says why not; what no daemon is needed for is checked here."""

from twisted.trial.unittest import SynchronousTestCase

from tests.documentation.blocks import PAGES, ROOT, Block, find_indented_code, read_blocks
from tests.documentation.rules import find_problem


def problem(language: str, code: str = "", **markers: str) -> str | None:
    """Return the problem of a block; `_` in the names of markers is a space."""
    names = {name.replace("_", " "): text for name, text in markers.items()}
    return find_problem(Block(page=ROOT / "docs" / "keys.md", line=1, language=language, code=code, markers=names))


class PageTests(SynchronousTestCase):
    def test_every_block_is_run_or_checked_or_says_why_not(self) -> None:
        problems = [found for page in PAGES for block in read_blocks(page) if (found := find_problem(block))]
        self.assertFalse(problems, "\n\n".join(problems))

    def test_no_page_has_code_without_a_fence(self) -> None:
        places = [f"{page.name}:{line}" for page in PAGES for line in find_indented_code(page)]
        self.assertFalse(places, f"indented code is not run; put it between ``` and ```: {places}")


class RuleTests(SynchronousTestCase):
    def assert_problem(self, text: str, found: str | None) -> None:
        self.assertIn(text, found or "nothing is wrong")
        self.assertIn("docs/keys.md:1: ", found or "")

    def test_a_block_without_a_language_is_an_error(self) -> None:
        self.assert_problem("has no language", problem(""))

    def test_a_language_that_is_not_run_needs_a_marker_with_a_reason(self) -> None:
        self.assert_problem("no test runs blocks of the language `js`", problem("js"))
        self.assert_problem("needs a text: `<!-- not run: ... -->`", problem("js", not_run=""))
        self.assertIsNone(problem("js", not_run="needs Node.js"))

    def test_the_test_that_is_said_to_run_a_block_exists_and_names_the_page(self) -> None:
        self.assert_problem("tests/x.py does not exist", problem("js", run_by="tests/x.py"))
        self.assert_problem("does not name keys.md", problem("js", run_by="tests/documentation/blocks.py"))
        self.assertIsNone(problem("js", run_by="tests/documentation/test_rules.py"))

    def test_text_needs_a_marker(self) -> None:
        self.assert_problem("<!-- output -->", problem("text"))
        self.assertIsNone(problem("text", output=""))
        self.assert_problem("only `text` and `json`", problem("sh", output=""))
        self.assert_problem("the marker has no text", problem("text", output="x"))

    def test_toml_is_a_configuration_of_codexd_unless_it_is_another_file(self) -> None:
        self.assertIsNone(problem("toml", "[http]\nmax_items = 1\n"))
        self.assert_problem("does not start with this", problem("toml", "[http]\nmax_itemz = 1\n"))
        self.assert_problem("does not start with this", problem("toml", "model = 1\n", file="/etc/codexd/codexd.toml"))
        self.assertIsNone(problem("toml", "model = 1\n", file="~/.codex/config.toml"))
        self.assert_problem("does not start with this", problem("toml", "model = \n", file="~/.codex/config.toml"))

    def test_json_yaml_and_units_are_parsed(self) -> None:
        unit = "[Service]\nEnvironment=CODEXD"
        for language, good, bad in (
            ("json", "[1]", "[1,]"),
            ("yaml", "a: [1]", "a: [1"),
            ("ini", f"{unit}_HTTP_MAX_ITEMS=5\n", f"{unit}_HTTP_MAX_ITEMZ=5\n"),
            ("ini", "[Unit]\nAfter=a\nAfter=b\n", "[Onit]\nAfter=a\n"),
        ):
            self.assertIsNone(problem(language, good))
            self.assertIsNotNone(problem(language, bad))

    def test_an_excerpt_is_in_its_file_and_a_new_file_is_python(self) -> None:
        first = "# tests/documentation/rules.py\nimport ast\n"
        self.assertIsNone(problem("python", f"{first}...\nimport yaml\n"))
        self.assert_problem("this is not in tests/", problem("python", f"{first}import yaml\n"))
        self.assert_problem("this is not in no/file.py", problem("python", "# no/file.py\nimport yaml\n"))
        self.assert_problem("not valid Python", problem("python", "# new file\nimport\n"))
