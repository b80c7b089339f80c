"""The glossary is ordered, and its terms occur in its files."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| ([^|`]+) \| (.+) \| `([^`|]+)` \|$", re.MULTILINE)


def rows() -> list[tuple[str, str]]:
    """Return the terms with their files."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    return [(term, file) for term, _, file in ROW.findall(text)]


def occurs(term: str, text: str) -> bool:
    """Return whether a text has the term as words, or in the name of a class, function or module."""
    words = re.split(r"[ -]", term)
    return re.search(r"[ _`-]?".join(map(re.escape, words)), text, re.IGNORECASE) is not None


class GlossaryTests(SynchronousTestCase):
    def test_every_row_is_read(self) -> None:
        text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(len(rows()), len(lines) - 2)
        self.assertGreater(len(rows()), 80)

    def test_terms_are_unique_and_in_alphabetical_order(self) -> None:
        terms = [term for term, _ in rows()]
        self.assertEqual(terms, sorted(set(terms)))

    def test_every_file_exists(self) -> None:
        self.assertEqual([file for _, file in rows() if not (ROOT / file).is_file()], [])

    def test_every_term_occurs_in_its_file(self) -> None:
        missing = [
            f"{term}: {file}"
            for term, file in rows()
            if not occurs(term, (ROOT / file).stem + "\n" + (ROOT / file).read_text(encoding="utf-8"))
        ]
        self.assertEqual(missing, [])
