"""The excerpts of docs/extending.md are in the code, and its examples are valid Python."""

import ast
import re
from pathlib import Path
from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^ *```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
OMISSION = re.compile(r"^ *\.\.\.\n", re.MULTILINE)


def excerpts() -> list[tuple[str, str]]:
    """Return the first lines of all excerpts, without `# `, and the lines below, without common indentation."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = (dedent(block).partition("\n") for block in FENCE.findall(text))
    return [(first.removeprefix("# "), rest) for first, _, rest in blocks]


def contains(source: str, excerpt: str) -> bool:
    """Return whether a file has the parts of an excerpt, which `...` separates, in their order."""
    end = 0
    for part in OMISSION.split(excerpt):
        found = source.find(part, end)
        if found < 0:
            return False
        end = found + len(part)
    return True


class ExtendingTests(SynchronousTestCase):
    def test_every_excerpt_is_in_its_file(self) -> None:
        quoted = [(file, rest) for file, rest in excerpts() if not file.startswith("new")]
        self.assertGreater(len(quoted), 15)
        for file, rest in quoted:
            self.assertTrue(contains((ROOT / file).read_text(encoding="utf-8"), rest), f"{file}:\n{rest}")

    def test_every_example_is_valid_python(self) -> None:
        examples = [rest for file, rest in excerpts() if file.startswith("new")]
        self.assertEqual(len(examples), 2)
        for example in examples:
            ast.parse(example)
