"""The configuration examples of the documentation are valid."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import load

SERVERS = Path(__file__).parent.parent / "docs" / "servers.md"


class DocumentationTests(SynchronousTestCase):
    def test_the_examples_of_servers_md_form_one_valid_configuration(self) -> None:
        examples = re.findall(r"```toml\n(.*?)```", SERVERS.read_text(), re.DOTALL)
        settings = load((), {}, {"codexd.toml": "".join(examples)}.__getitem__, "codexd.toml").settings
        self.assertEqual(len(settings.upstream) + len(settings.models.alias), len(examples))
