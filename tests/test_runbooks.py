"""The symptoms of docs/runbooks.md are read and compared as they are written."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support.runbooks import PAGE, holds, matches, read_symptoms
from tests.test_documentation import ROOT

BEFORE = b'codexd_a_total 2.0\ncodexd_up 1.0\ncodexd_q{b="x",o="y"} 3.0\n'
NOW = b'codexd_a_total 5.0\ncodexd_up 0.0\ncodexd_q{b="x",o="y"} 3.0\n'
DRILLS = "".join((ROOT / "tests/live" / f"test_{name}.py").read_text("utf-8") for name in ("drills", "process_drills"))


def headings() -> list[str]:
    """Return the headings of the page."""
    return re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


class ConditionTests(SynchronousTestCase):
    def test_a_condition_is_of_the_value_or_of_its_increase(self) -> None:
        for condition, expected in (
            ("codexd_up == 0", True),
            ("codexd_up > 0", False),
            ("codexd_missing == 0", True),
            ("increase(codexd_a_total[5m]) >= 3", True),
            ("increase(codexd_a_total[5m]) > 3", False),
            ('codexd_q{b="x",o="y"} >= 3', True),
            ('increase(codexd_q{b="x",o="y"}[5m]) >= 1', False),
        ):
            self.assertEqual(holds(condition, BEFORE, NOW), expected, condition)

    def test_what_is_not_understood_is_an_error(self) -> None:
        for condition in ("codexd_up", "rate(codexd_a_total[5m]) > 0", "sum(codexd_up) == 0", "a + b == 1"):
            self.assertRaises(AssertionError, holds, condition, BEFORE, NOW)


class LineTests(SynchronousTestCase):
    def test_dots_stand_for_any_text_of_one_line(self) -> None:
        log = "2026 info POST /v1 503 busy 1.0ms id=req_1 queue=2ms\nanother (line)\n"
        for line, expected in (
            ("POST /v1 503 busy ...ms id=req_... queue=...ms", True),
            ("another (line)", True),
            ("another .line.", False),
            ("busy ... another", False),
        ):
            self.assertEqual(matches(line, log), expected, line)


class PageTests(SynchronousTestCase):
    def test_every_block_of_symptoms_belongs_to_a_drill(self) -> None:
        for heading in headings():
            try:
                read_symptoms(heading)
            except AssertionError:
                continue
            self.assertIn(f'"{heading}"', DRILLS)

    def test_the_table_of_drills_has_the_sections_with_symptoms(self) -> None:
        rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", read_last_section(), re.MULTILINE)[2:]
        self.assertGreater(len(rows), 15)
        for heading in rows:
            self.assertTrue(read_symptoms(heading).text)

    def test_a_section_without_symptoms_or_that_does_not_exist_is_an_error(self) -> None:
        for heading in ("How to look", "Nothing of the kind"):
            self.assertRaises(AssertionError, read_symptoms, heading)


def read_last_section() -> str:
    return PAGE.read_text(encoding="utf-8").rpartition("## The drills")[2]
