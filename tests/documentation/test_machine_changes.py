"""Commands that would change the machine are found, so that no test runs them."""

from twisted.trial.unittest import SynchronousTestCase

from tests.documentation.blocks import ROOT, Block
from tests.documentation.machine_changes import find_machine_change
from tests.documentation.page_run import PageRun
from tests.documentation.rules import find_problem

FOREIGN = {
    "sudo python3 -m venv /opt/codexd": "venv",
    "sudo /opt/codexd/bin/pip install .": "/opt/codexd/bin/pip",
    "codexd install-service --system": "install-service",
    "A=1 sudo systemctl restart codexd": "systemctl",
    "true && docker build .": "docker",
    "echo x > /etc/codexd.conf": "/etc/codexd.conf",
    "cp a /etc/codexd/../x": "/etc/codexd/../x",
    "tee --output=/usr/local/bin/x": "/usr/local/bin/x",
}


class MachineChangeTests(SynchronousTestCase):
    def test_programs_and_paths_outside_of_the_page_are_found(self) -> None:
        for code, word in FOREIGN.items():
            self.assertEqual(find_machine_change(code), word, code)

    def test_what_stays_in_the_folder_of_the_page_is_not(self) -> None:
        for code in (
            "codexd serve --config /etc/codexd/codexd.toml",
            "curl -s http://127.0.0.1:11435/v1/models > /dev/null  # not pip",
            "# docker\nmake run",
            "sudo codexd keys add alice --file /var/lib/codexd/keys.toml",
        ):
            self.assertIsNone(find_machine_change(code), code)

    def test_such_a_block_needs_a_marker_and_is_not_run_without_one(self) -> None:
        block = Block(page=ROOT / "docs" / "x.md", line=1, language="sh", code="sudo touch /opt/x\n")
        self.assertIn("/opt/x", find_problem(block) or "")
        self.assertIsNone(find_problem(Block(**{**_members(block), "markers": {"not run": "changes the system"}})))
        error = self.assertRaises(AssertionError, PageRun.refuse_unsafe, block)
        self.assertIn("/opt/x", str(error))


def _members(block: Block) -> dict[str, object]:
    return {name: getattr(block, name) for name in ("page", "line", "language", "code")}
