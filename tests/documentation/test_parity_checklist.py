"""docs/parity-checklist.md has every operation of OpenAI's Python package, and every test and fixture that it names."""

import re
from pathlib import Path

import openai
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.openapi import OPERATIONS
from tests.documentation.blocks import ROOT

PAGE = ROOT / "docs" / "parity-checklist.md"
OPERATION = re.compile(
    r'self\._(get|post|delete|put|patch|get_api_list)\(\s*(?:path_template\(\s*)?f?"([^"?]+)(?:\?[^"]*)?"'
)


def list_sdk_operations() -> set[str]:
    """Return the operations of the package, as `METHOD PATH`; all variables are called id."""
    found = set()
    for path in (Path(openai.__file__).parent / "resources").rglob("*.py"):
        for method, template in OPERATION.findall(path.read_text(encoding="utf-8")):
            name = "GET" if method == "get_api_list" else method.upper()
            found.add(f"{name} {re.sub(r'{[^}]*}', '{id}', template)}")
    return found


def read_section(heading: str) -> str:
    return PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]


def list_served() -> set[str]:
    return set(re.findall(r"^\| `(\w+ /\S+)` \| (?:served|passed)", read_section("Endpoints"), re.MULTILINE))


def list_unserved() -> tuple[str, ...]:
    return tuple(re.findall(r"^\| `([^`]+)` \|", read_section("Not served"), re.MULTILINE))


def list_own() -> set[str]:
    """Return the operations that OpenAI's package does not have."""
    return {
        name.rstrip("/ ") for name in re.findall(r"^\| `(\w+ /\S*)` \|", read_section("Codexd's own"), re.MULTILINE)
    }


class ParityChecklistTests(SynchronousTestCase):
    def test_every_operation_of_the_package_is_served_or_said_not_to_be(self) -> None:
        operations, served, unserved = list_sdk_operations(), list_served(), list_unserved()
        self.assertGreater(len(operations), 300)
        missing = {one for one in operations - served if not self.is_unserved(one, unserved)}
        self.assertEqual(missing, set(), "add them to docs/parity-checklist.md")
        self.assertEqual(served - operations, set())

    def is_unserved(self, operation: str, unserved: tuple[str, ...]) -> bool:
        path = operation.partition(" ")[2]
        return any(path == one or path.startswith(f"{one}/") for one in unserved) or operation in unserved

    def test_no_path_is_both_served_and_not(self) -> None:
        for operation in list_served():
            self.assertNotIn(operation.partition(" ")[2], list_unserved())

    def test_what_is_served_is_a_route_and_every_route_is_served(self) -> None:
        routes = {
            f"{one.method} {re.sub(r'{[^}]*}', '{id}', one.path.removeprefix('/v1'))}".rstrip()
            for one in OPERATIONS
            if one.path.startswith("/v1") and one.access != "administrator"
        }
        self.assertEqual(routes - list_own(), list_served(), "add them to docs/parity-checklist.md")

    def test_the_tests_that_are_named_send_such_requests(self) -> None:
        rows = re.findall(r"^\| `\w+ /(\S+)` \|[^|]*\|[^|]*\| ([^|]+) \|", read_section("Endpoints"), re.MULTILINE)
        self.assertEqual(len(rows), len(list_served()))
        for path, cell in rows:
            texts = [(ROOT / name).read_text(encoding="utf-8") for name in re.findall(r"`(\S+)`", cell)]
            words = path.split("/")[:1] if path.startswith(("images", "audio")) else path.split("/")
            for word in set(words) - {"{id}"}:
                self.assertTrue(texts and all(word in text for text in texts), f"{path}: {word} in {cell}")

    def test_every_golden_scenario_that_is_named_exists(self) -> None:
        for row in re.findall(r"^\| [^|]+ \| (`[^|]+) \|", read_section("Features"), re.MULTILINE):
            for name in re.findall(r"`([\w-]+)`", row):
                self.assertTrue((ROOT / "fixtures" / "codex" / "chat" / f"{name}.txt").exists(), name)
