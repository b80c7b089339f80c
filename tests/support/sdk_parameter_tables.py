"""Reads and writes the tables of docs/parameters.md."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, cast

from tests.support.sdk_parameters import ENDPOINTS, Effects, Parameter, measure

PAGE: Final = Path(__file__).parents[2] / "docs" / "parameters.md"
DOCUMENTED: Final = ("Chat Completions", "Responses", "Compaction", "Legacy Completions", "Conversations")
"""The endpoints that have a table."""

ITEM_TOOLS: Final = re.compile(r"(?:input|items)\[\] \((?:additional_tools|tool_search_output)\)\.(tools\[\].*)")
"""The tools of items, which are not in the tables: they are treated as those of `tools`."""

_USED: Final = ("used", "used")
_HEAD: Final = "| Parameter | Codex | Upstreams |\n| --- | --- | --- |\n"
_ROW: Final = re.compile(r"\| `(.+)` \| (\w+) \| (\w+) \|")


def not_used(parameters: Mapping[str, Parameter]) -> dict[str, Effects]:
    """Return the parameters that belong in a table, by their paths."""
    return {path: one.effects for path, one in sorted(parameters.items()) if one.effects != _USED}


def select_rows(endpoint: str, parameters: Mapping[str, Effects]) -> dict[str, Effects]:
    """Return the rows of the table of an endpoint: without those that another table has."""
    return {
        path: effects
        for path, effects in parameters.items()
        if not ITEM_TOOLS.fullmatch(path) and not (endpoint == "Compaction" and path.startswith("input"))
    }


def read_table(endpoint: str, page: str) -> dict[str, Effects]:
    """Return the table of an endpoint in the text of the page."""
    section = page.partition(f"## {endpoint}\n")[2].partition("\n## ")[0]
    return {path: cast(Effects, (codex, upstream)) for path, codex, upstream in _ROW.findall(section)}


def _render(rows: Iterable[tuple[str, Effects]]) -> str:
    return _HEAD + "".join(f"| `{path}` | {codex} | {upstream} |\n" for path, (codex, upstream) in rows)


def write_tables(page: str) -> str:
    """Return the text of the page with new tables."""
    for endpoint in ENDPOINTS:
        if endpoint.name in DOCUMENTED:
            head, title, rest = page.partition(f"## {endpoint.name}\n")
            section, mark, after = rest.partition("\n## ")
            text = "\n".join(line for line in section.strip().splitlines() if not line.startswith("|"))
            table = _render(select_rows(endpoint.name, not_used(measure(endpoint))).items())
            page = head + title + "\n" + (text.strip() + "\n\n" if text.strip() else "") + table + mark + after
    return page


if __name__ == "__main__":
    PAGE.write_text(write_tables(PAGE.read_text()))
