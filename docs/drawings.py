"""Draws the state machines as Mermaid diagrams, from the machines themselves.

`make drawings` rewrites the diagrams between the markers of the pages; `tests/test_drawings.py` compares them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from codexd.answers.lifecycle import build_answer_lifecycle
from codexd.child.machine import build_slot_lifecycle

MACHINES: Final = {"answer": build_answer_lifecycle, "slot": build_slot_lifecycle}
"""The machines by their names in the markers: `<!-- drawing: answer -->` ... `<!-- end -->`."""

DOCS: Final = Path(__file__).parent
_BLOCK: Final = re.compile(r"(<!-- drawing: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def transitions(machine: Any) -> list[tuple[str, str, str]]:
    """Return the transitions of a machine, sorted: state, input, next state.

    Args:
        machine: the result of `TypeMachineBuilder.build`.
    """
    found = machine.__automat_automaton__.allTransitions()
    return sorted((source.name, input, target.name) for source, input, target, _ in found)


def draw(machine: Any) -> str:
    """Return a state diagram, and below it the inputs that do not change the state."""
    arrows: dict[tuple[str, str], list[str]] = {}
    loops: dict[str, list[str]] = {}
    for source, input, target in transitions(machine):
        if source == target:
            loops.setdefault(source, []).append(input)
        else:
            arrows.setdefault((source, target), []).append(input)
    initial = machine.__automat_automaton__.initialState.name
    diagram = ("```mermaid", "stateDiagram-v2", f"    [*] --> {initial}", *_draw_arrows(arrows), "```")
    return "\n".join((*diagram, "", *_list_loops(loops), ""))


def _draw_arrows(arrows: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    for (source, target), inputs in arrows.items():
        yield f"    {source} --> {target}: {', '.join(inputs)}"


def _list_loops(loops: dict[str, list[str]]) -> Iterator[str]:
    yield "Inputs that do not change the state:"
    yield ""
    for state, inputs in loops.items():
        yield f"- {state}: {', '.join(f'`{input}`' for input in inputs)}"


def redraw(page: str) -> str:
    """Return the text of a page with its diagrams drawn again."""
    return _BLOCK.sub(lambda block: block[1] + draw(MACHINES[block[2]]) + block[3], page)


def main() -> None:
    """Rewrite the diagrams of all pages."""
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (redrawn := redraw(page)) != page:
            path.write_text(redrawn, encoding="utf-8")


if __name__ == "__main__":
    main()
