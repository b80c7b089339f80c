"""The drawings of the documentation show the state machines as they are."""

from typing import Protocol

from automat import TypeMachineBuilder
from twisted.trial.unittest import SynchronousTestCase

from docs.drawings import DOCS, MACHINES, draw, redraw, transitions

PAGES = {"answer": "answers.md", "slot": "app-server.md"}


class _Inputs(Protocol):
    def go(self) -> None: ...

    def stay(self) -> None: ...


class _Core:
    pass


def build(leaves: bool = True):
    """Return a machine of two states; without the second transition if it does not leave the first state."""
    builder = TypeMachineBuilder(_Inputs, _Core)
    here, there = builder.state("Here"), builder.state("There")
    here.upon(_Inputs.stay).loop().returns(None)
    if leaves:
        here.upon(_Inputs.go).to(there).returns(None)
    return builder.build()


class DrawingTests(SynchronousTestCase):
    def test_a_drawing_has_the_transitions_and_lists_the_inputs_that_stay(self) -> None:
        self.assertEqual(
            draw(build()),
            "```mermaid\nstateDiagram-v2\n    [*] --> Here\n    Here --> There: go\n```\n\n"
            "Inputs that do not change the state:\n\n- Here: `stay`\n",
        )

    def test_another_transition_is_another_drawing(self) -> None:
        self.assertNotEqual(draw(build()), draw(build(leaves=False)))

    def test_only_the_text_between_the_markers_is_replaced(self) -> None:
        page = "before\n<!-- drawing: slot -->\nold\n<!-- end -->\nafter\n"
        redrawn = redraw(page)
        self.assertTrue(redrawn.startswith("before\n<!-- drawing: slot -->\n```mermaid\n"))
        self.assertTrue(redrawn.endswith("<!-- end -->\nafter\n"))
        self.assertNotIn("old", redrawn)
        self.assertEqual(redraw(redrawn), redrawn)

    def test_every_machine_is_drawn_on_its_page(self) -> None:
        self.assertEqual(PAGES.keys(), MACHINES.keys())
        for name, page in PAGES.items():
            self.assertIn(f"<!-- drawing: {name} -->", (DOCS / page).read_text(encoding="utf-8"))

    def test_the_pages_show_the_machines_as_they_are(self) -> None:
        for path in DOCS.glob("*.md"):
            page = path.read_text(encoding="utf-8")
            self.assertEqual(page, redraw(page), f"{path.name} is out of date: run `make drawings`")

    def test_the_page_of_answers_describes_every_state_and_every_input(self) -> None:
        page = (DOCS / PAGES["answer"]).read_text(encoding="utf-8")
        for state, input, _ in transitions(MACHINES["answer"]):
            self.assertIn(f"\n| {state} |", page)
            self.assertIn(f"\n| `{input}` |", page)
