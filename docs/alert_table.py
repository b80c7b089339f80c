"""Writes the table of the alerts in `docs/alerts.md` from the rules.

`make alerts` writes it; `tests/test_alerts.py` compares.
"""

import re
from pathlib import Path
from typing import Any, Final

import yaml

DOCS: Final = Path(__file__).parent
RULES: Final = DOCS.parent / "etc" / "prometheus" / "rules" / "alerts.yml"
PAGE: Final = DOCS / "alerts.md"

_BLOCK: Final = re.compile(r"(<!-- generated: alerts -->\n).*?(<!-- end -->)", re.DOTALL)
_METRIC: Final = re.compile(r"(?<![\w:])(?:\w+:)?(?:codexd|process)_[a-z_]+")
_SUFFIX: Final = re.compile(r"_(?:bucket|count|sum)$")
_PLACES: Final = {"instance": "INSTANCE", "upstream": "NAME", "backend": "BACKEND", "key": "KEY"}


def render() -> str:
    """Return the table."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rows = [_row(rule) for group in groups for rule in group["rules"]]
    head = "| Alert | Severity | After | Meaning | Metrics | Runbook |\n| --- | --- | --- | --- | --- | --- |\n"
    return head + "".join(rows)


def redraw(page: str) -> str:
    """Return a page with the current table between its markers."""
    return _BLOCK.sub(lambda match: f"{match[1]}{render()}{match[2]}", page)


def _row(rule: dict[str, Any]) -> str:
    metrics = dict.fromkeys(_SUFFIX.sub("", name) for name in _METRIC.findall(rule["expr"]))
    notes = rule["annotations"]
    anchor = notes["runbook"].partition("#")[2]
    cells = (
        f"`{rule['alert']}`",
        rule["labels"]["severity"],
        rule.get("for", "at once"),
        re.sub(r"\{\{ \$(?:labels\.)?(\w+).*?\}\}", lambda match: _PLACES.get(match[1], "..."), notes["summary"]),
        ", ".join(f"`{name}`" for name in metrics) or "`up`",
        f"[{anchor}](runbooks.md#{anchor})",
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(redraw(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
