"""docs/endpoints.md has every route, with its authentication and an example that is run."""

import re

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.openapi import OPERATIONS
from tests.documentation.blocks import NOT_RUN, OUTPUT, ROOT, RUN_BY, read_blocks

PAGE = ROOT / "docs" / "endpoints.md"
AUTHENTICATION = {"key": "API key", "public": "none", "administrator": "administrator"}
SECTION = re.compile(r"^### `(\w+ \S+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sections = dict(SECTION.findall(PAGE.read_text(encoding="utf-8")))

    def test_every_route_has_a_section_and_every_section_a_route(self) -> None:
        routes = {f"{operation.method} {operation.path}" for operation in OPERATIONS}
        self.assertEqual(set(self.sections), routes, "add a section `### METHOD PATH` with an example, or remove it")

    def test_every_section_says_who_may_send_the_request(self) -> None:
        for operation in OPERATIONS:
            section = re.sub(r"\s+", " ", self.sections[f"{operation.method} {operation.path}"])
            self.assertIn(f"Authentication: {AUTHENTICATION[operation.access]}.", section, operation.path)

    def test_every_section_has_an_example_that_is_run_and_its_output(self) -> None:
        for name, section in self.sections.items():
            self.assertRegex(section, r"```sh\n[^`]*curl ", name)
            self.assertIn(f"<!-- {OUTPUT} -->", section, name)
        unrun = [block.place for block in read_blocks(PAGE) if {NOT_RUN, RUN_BY} & set(block.markers)]
        self.assertEqual(unrun, [])
