"""Draws the state machines as Mermaid diagrams, from the machines themselves.

`make drawings` rewrites the diagrams between the markers of the documentation; a test compares them.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from codexd.answers.lifecycle import make_lifecycle
from codexd.child.machine import make_life

MACHINES: Final = {"answer": make_lifecycle, "child": make_life}
"""The machines by the name that stands in the markers: `<!-- drawing: answer -->` ... `<!-- end -->`."""

_BLOCK: Final = re.compile(r"(<!-- drawing: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
DOCS: Final = Path(__file__).parent


def draw(machine: Any) -> str:
    """Return a machine as a Mermaid state diagram; inputs that lead back to their state are left out."""
    automaton = machine._automaton
    arrows: dict[tuple[str, str], list[str]] = {}
    for source, input, target, _ in automaton.allTransitions():
        if source is not target:
            arrows.setdefault((_name(source), _name(target)), []).append(input)
    lines = [f"    [*] --> {_name(automaton.initialState)}", *_lines(arrows)]
    return "\n".join(("```mermaid", "stateDiagram-v2", *lines, "```", ""))


def _lines(arrows: dict[tuple[str, str], list[str]]) -> Iterable[str]:
    for (source, target), inputs in sorted(arrows.items()):
        yield f"    {source} --> {target}: {', '.join(sorted(inputs))}"


def _name(state: Any) -> str:
    return str(state.name)


def redraw(text: str) -> str:
    """Return a page with its diagrams drawn anew."""
    return _BLOCK.sub(lambda block: block[1] + draw(MACHINES[block[2]]) + block[3], text)


def main() -> None:
    """Rewrite the diagrams of all pages."""
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (drawn := redraw(text)) != text:
            page.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
