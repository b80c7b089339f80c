"""The code blocks of a page are found with their languages, places and markers."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.documentation.blocks import ROOT, Block, find_indented_code, parse_blocks

PAGE = ROOT / "docs" / "example.md"

TEXT = """\
Text.

```sh
make run
```

<!-- a comment that is no marker -->
<!-- file: ~/a.toml -->
<!-- not run: needs root -->
```toml
a = 1
```

1. In a list:

   <!-- output -->
   ```text
   one
     two
   ```

````md
```sh
inner
```
````
"""


def blocks() -> list[Block]:
    return list(parse_blocks(PAGE, TEXT.splitlines()))


class BlockTests(SynchronousTestCase):
    def test_blocks_have_languages_and_places(self) -> None:
        found = [(block.place, block.language) for block in blocks()]
        places = [("docs/example.md:3", "sh"), ("docs/example.md:10", "toml")]
        self.assertEqual(found, [*places, ("docs/example.md:17", "text"), ("docs/example.md:22", "md")])

    def test_the_indentation_of_a_list_is_removed(self) -> None:
        self.assertEqual(blocks()[2].code, "one\n  two\n")

    def test_a_longer_fence_contains_shorter_ones(self) -> None:
        self.assertEqual(blocks()[3].code, "```sh\ninner\n```\n")

    def test_the_markers_are_the_comments_directly_above(self) -> None:
        self.assertEqual(
            [block.markers for block in blocks()],
            [{}, {"file": "~/a.toml", "not run": "needs root"}, {"output": ""}, {}],
        )

    def test_an_open_block_is_an_error(self) -> None:
        error = self.assertRaises(AssertionError, list, parse_blocks(PAGE, ["", "```sh", "make run"]))
        self.assertIn("example.md:2: this code block is not closed", str(error))

    def test_indented_code_is_found_but_not_in_lists_and_fences(self) -> None:
        page = Path(self.mktemp())
        page.write_text("Text:\n\n    code\n    more\n\n- item\n\n      its code\n\n```sh\n    fenced\n```\n")
        self.assertEqual(find_indented_code(page), [3, 4])
