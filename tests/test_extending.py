"""docs/extending.md consists of excerpts of the code and of examples; tests.documentation.test_rules checks them."""

from twisted.trial.unittest import SynchronousTestCase

from tests.documentation.blocks import ROOT, read_blocks
from tests.documentation.excerpts import excerpt_file, is_new_file


class ExtendingTests(SynchronousTestCase):
    def test_every_block_is_an_excerpt_or_a_new_file(self) -> None:
        blocks = read_blocks(ROOT / "docs" / "extending.md")
        excerpts = [block for block in blocks if excerpt_file(block)]
        examples = [block for block in blocks if is_new_file(block)]
        self.assertGreater(len(excerpts), 15)
        self.assertEqual(len(examples), 2)
        self.assertEqual(len(blocks), len(excerpts) + len(examples))
