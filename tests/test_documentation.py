"""The documentation is true where a program can check it: names of files, settings and metrics, links, examples."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import load
from codexd.configuration.registry import list_settings, list_table_settings
from codexd.neutral.fault import kinds
from codexd.observe.metric_tables import COUNTERS, GAUGES, LABELLED, LABELLED_GAUGES, TIMES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SERVERS = DOCS / "servers.md"
PAGES = (*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *sorted(DOCS.rglob("*.md")))
TABLES = "http|codex|turns|responses|tools|models|log|upstream"
NOT_SETTINGS = {"tools.web_search"}
"""Settings of Codex, not of codexd; those of app-server.md are all Codex's."""

FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    """Return a page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def current_text_of(page: Path) -> str:
    """Return a page without code blocks and without the changelog's tables, whose first column has old names."""
    lines = text_of(page).splitlines()
    return "\n".join(line for line in lines if page.name != "CHANGELOG.md" or not line.startswith("|"))


def new_names() -> Iterator[str]:
    """Yield the second columns of the changelog's tables."""
    for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        if line.startswith(("| `", "| the ")):
            yield line.split("|")[2].strip(" `")


def setting_names() -> set[str]:
    names = {setting.key for setting in list_settings()}
    tables = [setting for setting in list_settings() if setting.is_table_list]
    return names | {one.key for table in tables for one in list_table_settings(table)}


def metric_names() -> set[str]:
    counters = {f"codexd_{name}_total" for name in (*COUNTERS, *LABELLED)}
    return counters | {f"codexd_{name}" for name in (*GAUGES, *LABELLED_GAUGES, *TIMES)}


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub forms them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


class DocumentationTests(SynchronousTestCase):
    def test_the_examples_of_servers_md_form_one_valid_configuration(self) -> None:
        examples = re.findall(r"```toml\n(.*?)```", SERVERS.read_text(), re.DOTALL)
        settings = load((), {}, {"codexd.toml": "".join(examples)}.__getitem__, "codexd.toml").settings
        self.assertEqual(len(settings.upstream) + len(settings.models.alias), len(examples))

    def test_every_file_that_is_named_exists(self) -> None:
        for page in PAGES:
            for path in re.findall(r"`((?:codexd|tests|docs|bench|etc|fixtures)/[\w./-]*)`", current_text_of(page)):
                exists = (ROOT / path).exists() or path == "fixtures/PLACE/ENDPOINT/NAME.txt"
                self.assertTrue(exists, f"{page.name}: {path}")

    def test_every_module_that_is_named_exists(self) -> None:
        for page in PAGES:
            for name in re.findall(r"`(codexd(?:\.[a-z_]+)+)`", current_text_of(page)):
                path = ROOT / name.replace(".", "/")
                is_file = path.suffix in (".toml", ".service") or name in ("codexd.toml", "codexd.service")
                self.assertTrue(is_file or path.is_dir() or path.with_suffix(".py").exists(), f"{page.name}: {name}")

    def test_every_setting_that_is_named_exists(self) -> None:
        names = setting_names()
        for page in set(PAGES) - {DOCS / "app-server.md"}:
            for name in re.findall(rf"`((?:{TABLES})\.(?!py`)[a-z_.]+)(?:`| =)", current_text_of(page)):
                self.assertTrue(name in names or name in NOT_SETTINGS, f"{page.name}: {name}")

    def test_every_metric_that_is_named_exists(self) -> None:
        names = metric_names()
        for page in PAGES:
            for name in re.findall(r"`(codexd_\w+[a-z])`", current_text_of(page)):
                self.assertIn(name, names, page.name)

    def test_every_new_name_of_the_changelog_exists(self) -> None:
        settings, metrics = setting_names(), {*COUNTERS, *GAUGES, *LABELLED, *TIMES}
        found = list(new_names())
        self.assertEqual(len(found), 26 + 14 + 5 + 3)
        for name in found[:26]:
            self.assertIn(name, settings)
        for name in found[26:40]:
            self.assertIn(name, metrics)
        for name in found[45:]:
            self.assertIn(name, kinds())

    def test_the_layers_of_the_architecture_are_those_that_are_checked(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        checked = project["tool"]["importlinter"]["contracts"][0]["layers"]
        page = (DOCS / "README.md").read_text(encoding="utf-8")
        shown = re.findall(r"^\| \d+ \| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
        self.assertEqual(*([sorted(re.findall(r"\w+", row)) for row in rows] for rows in (shown, checked)))

    def test_the_index_links_every_page(self) -> None:
        index = (DOCS / "README.md").read_text(encoding="utf-8").split("\n## Pages\n")[1].split("\n## ")[0]
        linked = set(re.findall(r"\]\(([^)#]+\.md)\)", index))
        pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"README.md"}
        self.assertEqual(pages - linked, set(), "add a row to the table in docs/README.md, Pages")

    def test_every_link_leads_to_a_file_and_a_heading(self) -> None:
        for page in PAGES:
            for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
                if "://" in link:
                    continue
                path, _, anchor = link.partition("#")
                target = (page.parent / path) if path else page
                self.assertTrue(target.exists(), f"{page.name}: {link}")
                if anchor:
                    self.assertIn(anchor, anchors_of(target), f"{page.name}: {link}")
