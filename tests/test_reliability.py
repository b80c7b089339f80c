"""Every cell of the matrix of docs/reliability.md is filled, and every test that the page names exists and runs."""

import re
from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase, TestCase

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
MATRIX = "Faults and points of a turn"
POINTS = 7
METHODS = {"Waiting in the queue": "test_in_the_queue"}
"""The methods whose names are not those of the points."""
NAME = re.compile(r"`((?:[a-z_]+\.)+[A-Z]\w+)`")


def sections() -> dict[str, list[list[str]]]:
    """Return the rows of the last table of each section, by heading, each as its cells."""
    found: dict[str, list[list[str]]] = {}
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        table = text[text.rindex("| Fault |") :]
        lines = [line for line in table.splitlines() if line.startswith("|")]
        found[heading] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return found


def find_module(path: str) -> ModuleType | None:
    """Return the module of a test by its dotted name without `tests` and `test_`; None if there is none."""
    *areas, name = path.split(".")
    folders = [areas] if areas else [["reliability"], []]
    for folder in folders:
        file = ROOT.joinpath("tests", *folder, f"test_{name}.py")
        if file.exists():
            return import_module(".".join(("tests", *folder, f"test_{name}")))
    return None


def is_run(case: type) -> bool:
    """Return whether trial runs tests of a class."""
    names = [name for name in dir(case) if name.startswith("test_")]
    return bool(names) and not getattr(case, "skip", None) and not all(hasattr(getattr(case, n), "skip") for n in names)


def test_classes(module: ModuleType) -> dict[str, type]:
    """Return the test classes that a module defines, by name."""
    found = getmembers(module, lambda one: isclass(one) and issubclass(one, SynchronousTestCase | TestCase))
    return {name: case for name, case in found if case.__module__ == module.__name__}


class MatrixTests(SynchronousTestCase):
    def matrix(self) -> list[list[str]]:
        """Return the rows of the matrix, without its head."""
        head, _, *rows = sections()[MATRIX]
        self.assertEqual(len(head), 1 + POINTS)
        return rows

    def test_every_cell_is_filled(self) -> None:
        for row in self.matrix():
            self.assertEqual(len(row), 1 + POINTS, row[0])
            for cell in row:
                self.assertTrue(cell, row[0])

    def test_a_cell_names_tests_or_says_why_there_is_none(self) -> None:
        for fault, *cells in self.matrix():
            for cell in cells:
                names = NAME.findall(cell)
                if not names:
                    self.assertNotIn("`", cell, fault)
                    self.assertGreater(len(cell.split()), 1, fault)
                else:
                    self.assertEqual(cell, ", ".join(f"`{name}`" for name in names), fault)
                    self.assertEqual(len(names), len(set(names)), fault)

    def test_every_test_of_the_matrix_exists_and_is_run(self) -> None:
        for fault, *cells in self.matrix():
            for name in NAME.findall(" ".join(cells)):
                path, _, case = name.rpartition(".")
                module = find_module(path)
                assert module is not None, (fault, name)
                self.assertIn(f"{case}Tests", test_classes(module), (fault, name))
                self.assertTrue(is_run(test_classes(module)[f"{case}Tests"]), (fault, name))

    def test_the_in_memory_tests_have_a_method_for_each_point_at_which_they_are_named(self) -> None:
        head = sections()[MATRIX][0]
        for _, *cells in self.matrix():
            for point, cell in zip(head[1:], cells, strict=True):
                for name in NAME.findall(cell):
                    path, _, case = name.rpartition(".")
                    module = find_module(path)
                    if module is None or not module.__name__.startswith("tests.reliability."):
                        continue
                    method = METHODS.get(point, f"test_{point.lower().replace(' ', '_')}")
                    is_there = hasattr(test_classes(module)[f"{case}Tests"], method)
                    self.assertTrue(is_there or case == point, (name, method))

    def test_every_class_of_the_in_memory_tests_is_in_the_matrix(self) -> None:
        named = set(NAME.findall(" ".join(cell for row in self.matrix() for cell in row)))
        for file in sorted((ROOT / "tests" / "reliability").glob("test_*.py")):
            name = file.stem.removeprefix("test_")
            for case in test_classes(import_module(f"tests.reliability.{file.stem}")):
                self.assertIn(f"{name}.{case.removesuffix('Tests')}", named)


class OtherTableTests(SynchronousTestCase):
    def cells(self) -> Iterator[tuple[str, str]]:
        """Yield the fault and the last cell, with the tests, of each row of the other tables."""
        for heading, (head, _, *rows) in sections().items():
            if heading == MATRIX:
                continue
            self.assertEqual(head, ["Fault", "Point", "The client sees", "The operator sees", "Test"], heading)
            for row in rows:
                self.assertEqual(len(row), 5, row)
                self.assertTrue(all(row[1:]), row)
                yield row[0], row[-1]

    def test_every_module_and_class_that_is_named_exists_and_is_run(self) -> None:
        modules: list[ModuleType] = []
        for fault, cell in self.cells():
            paths = re.findall(r"`tests/([\w/]+)\.py`", cell)
            modules = [import_module(f"tests.{path.replace('/', '.')}") for path in paths] or modules
            self.assertTrue(paths or re.search("`[A-Z]", cell), (fault, cell))
            for module in modules:
                self.assertTrue(any(map(is_run, test_classes(module).values())), (fault, module.__name__))
            for name in re.findall(r"`([A-Z]\w+)`", cell):
                found = [classes[name] for classes in map(test_classes, modules) if name in classes]
                self.assertEqual([is_run(case) for case in found], [True], (fault, name))

    def test_faults_and_points_begin_with_a_small_letter(self) -> None:
        allowed = ("SIG", "Codex ", "JSON ", "", "2,")
        for fault, _ in self.cells():
            if not fault.startswith(tuple(filter(None, allowed))):
                self.assertEqual(fault[:1], fault[:1].lower(), fault)

    def test_no_fault_is_in_two_rows(self) -> None:
        rows = [
            tuple(row[:3]) for heading, found in sections().items() if heading != MATRIX for row in found[2:] if row[0]
        ]
        self.assertEqual(len(rows), len(set(rows)))
