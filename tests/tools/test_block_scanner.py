"""Tests of codexd.tools.block_scanner and codexd.tools.block_patterns."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.block_parser import ParsedBlock
from codexd.tools.block_patterns import DEFAULT_PATTERNS, USE_TOOL, BlockPattern
from codexd.tools.block_scanner import (
    BLOCK_PARSED,
    BLOCK_REJECTED,
    BLOCK_STARTED,
    DEFAULT_SCAN,
    BlockPiece,
    BlockScanner,
    ScannedPiece,
    ScanOptions,
    TextPiece,
)
from tests.support.chunking import chunkings
from tests.support.sentences import pieces as repeats
from tests.support.tool_blocks import CALL, CLOSE, FIND_BLOCK, OPEN, PATTERNS, chunked_block_texts


def scan(chunks: list[str], options: ScanOptions = DEFAULT_SCAN) -> list[ScannedPiece]:
    """Return the pieces of a text, with consecutive text pieces joined."""
    scanner = BlockScanner(options)
    pieces = [piece for chunk in chunks for piece in scanner.feed(chunk)] + scanner.finish()
    merged: list[ScannedPiece] = []
    for piece in pieces:
        if isinstance(piece, TextPiece) and merged and isinstance(merged[-1], TextPiece):
            merged[-1] = TextPiece(merged[-1].source + piece.source)
        else:
            merged.append(piece)
    return merged


def find_blocks(text: str, limit: int, patterns: tuple[BlockPattern, ...]) -> list[str]:
    """Find the blocks in a whole text by their definition, without state: the reference."""
    blocks, position = [], 0
    while True:
        openings = [(m.start(), p) for p in patterns if (m := re.compile(p.opening_expression).search(text, position))]
        if not openings:
            return blocks
        start, pattern = min(openings, key=lambda one: one[0])
        inside = start + len(pattern.opening)
        end = pattern.end_expression.search(text[: start + limit], inside)
        if end is None and len(text) < start + limit:
            return blocks
        if end is None:
            position = inside
        elif end["closing"] is None:
            position = end.start()
        else:
            position = end.end()
            block = text[start:position]
            blocks += [block] if pattern.parse(block) else []


class LawTests(SynchronousTestCase):
    @given(chunked_block_texts(), st.sampled_from((3, 12, 30, 60, 10**6)))
    def test_the_pieces_and_counts_do_not_depend_on_the_cut(self, cut: tuple[str, list[str]], limit: int) -> None:
        text, chunks = cut
        counts: list[Counter[str]] = [Counter(), Counter()]
        results = [
            scan(pieces, ScanOptions(PATTERNS, limit, lambda name, count=count: count.update([name])))  # type: ignore[misc]
            for pieces, count in zip(([text], chunks), counts, strict=True)
        ]
        self.assertEqual(results[0], results[1])
        self.assertEqual(counts[0], counts[1])
        self.assertEqual(counts[0][BLOCK_STARTED], counts[0][BLOCK_PARSED] + counts[0][BLOCK_REJECTED])

    @given(chunked_block_texts(), st.sampled_from((3, 12, 30, 60, 10**6)))
    def test_no_character_is_lost_or_added(self, cut: tuple[str, list[str]], limit: int) -> None:
        text, chunks = cut
        self.assertEqual("".join(piece.source for piece in scan(chunks, ScanOptions(PATTERNS, limit))), text)

    @given(chunked_block_texts(), st.sampled_from((3, 12, 30, 60, 10**6)))
    def test_the_blocks_match_the_definition(self, cut: tuple[str, list[str]], limit: int) -> None:
        text, chunks = cut
        found = [piece.source for piece in scan(chunks, ScanOptions(PATTERNS, limit)) if isinstance(piece, BlockPiece)]
        self.assertEqual(found, find_blocks(text, limit, PATTERNS.patterns))

    @given(chunked_block_texts(), st.sampled_from((12, 60)))
    def test_only_the_possible_beginning_of_a_block_is_held_up_to_the_limit(
        self, cut: tuple[str, list[str]], limit: int
    ) -> None:
        scanner, returned_size = BlockScanner(ScanOptions(PATTERNS, limit)), 0
        fed = ""
        for chunk in cut[1]:
            fed += chunk
            returned_size += sum(len(piece.source) for piece in scanner.feed(chunk))
            held = fed[returned_size:]
            self.assertEqual(scanner.is_holding, bool(held))
            self.assertLess(len(held), limit)
            starts = tuple(pattern.opening for pattern in PATTERNS.patterns)
            self.assertTrue(not held or held.startswith(starts) or any(s.startswith(held) for s in starts))

    @given(repeats(), repeats())
    def test_no_repeated_piece_is_dropped(self, before: list[str], after: list[str]) -> None:
        texts = [*before, OPEN, *before, *after]
        self.assertEqual("".join(piece.source for piece in scan(texts)), "".join(texts))


class BlockScannerTests(SynchronousTestCase):
    def test_a_block_is_returned_whole_with_its_last_character(self) -> None:
        scanner = BlockScanner()
        returned = [scanner.feed(character) for character in f"a{FIND_BLOCK}b"]
        block = ParsedBlock("find", (("query", "R&amp;D"),))
        self.assertEqual(
            [piece for piece in returned if piece],
            [[TextPiece("a")], [BlockPiece(FIND_BLOCK, block)], [TextPiece("b")]],
        )
        self.assertEqual(returned[len(FIND_BLOCK)], [BlockPiece(FIND_BLOCK, block)])

    def test_text_that_only_looks_like_an_opening_is_returned_once_that_is_certain(self) -> None:
        scanner = BlockScanner()
        returned = [scanner.feed(piece) for piece in ("a <", "use_tool", "s> b", "<use", "r>")]
        self.assertEqual(returned, [[TextPiece("a ")], [], [TextPiece("<use_tools> b")], [], [TextPiece("<user>")]])

    def test_a_nested_block_ends_the_outer_one_and_is_scanned_itself(self) -> None:
        outer = f"{OPEN}<name>write</name><text>"
        found = scan([outer, FIND_BLOCK, f"</text>{CLOSE}"])
        self.assertEqual([piece.source for piece in found], [outer, FIND_BLOCK, f"</text>{CLOSE}"])

    def test_a_malformed_block_is_text(self) -> None:
        broken = f"{OPEN}no name{CLOSE}"
        self.assertEqual(scan(list(broken)), [TextPiece(broken)])

    def test_an_unfinished_block_is_returned_as_text_at_the_end(self) -> None:
        scanner = BlockScanner()
        self.assertEqual((scanner.feed(f"a{OPEN}<name>f"), scanner.is_holding), ([TextPiece("a")], True))
        self.assertEqual((scanner.finish(), scanner.is_holding), ([TextPiece(f"{OPEN}<name>f")], False))

    def test_a_block_may_have_exactly_the_size_of_the_limit(self) -> None:
        for limit, kind in ((len(FIND_BLOCK), BlockPiece), (len(FIND_BLOCK) - 1, TextPiece)):
            for chunks in ([FIND_BLOCK], list(FIND_BLOCK)):
                self.assertEqual([type(piece) for piece in scan(chunks, ScanOptions(max_characters=limit))], [kind])

    def test_the_text_after_a_block_over_the_limit_is_scanned(self) -> None:
        found = scan([OPEN + "x" * 100, FIND_BLOCK], ScanOptions(max_characters=len(FIND_BLOCK)))
        self.assertEqual([piece.source for piece in found], [OPEN + "x" * 100, FIND_BLOCK])

    def test_a_registered_pattern_is_found_too(self) -> None:
        mine = '<call:{"query":"x"}:call>'
        found = scan([*f"a{mine}", FIND_BLOCK], ScanOptions(PATTERNS))
        self.assertEqual(found[1], BlockPiece(mine, ParsedBlock("find", arguments='{"query":"x"}')))
        self.assertEqual([piece.source for piece in found], ["a", mine, FIND_BLOCK])
        self.assertEqual(scan([mine]), [TextPiece(mine)])

    def test_a_long_block_of_small_pieces_takes_linear_time(self) -> None:
        scanner = BlockScanner(ScanOptions(max_characters=2**21))
        scanner.feed(OPEN)
        for _ in range(200_000):
            scanner.feed("abcd")
        self.assertEqual(sum(len(piece.source) for piece in scanner.finish()), len(OPEN) + 800_000)

    @given(st.data())
    def test_a_mark_may_be_cut_at_any_character(self, data: st.DataObject) -> None:
        found = scan(data.draw(chunkings(FIND_BLOCK + FIND_BLOCK)))
        self.assertEqual([type(piece) for piece in found], [BlockPiece, BlockPiece])


class BlockPatternsTests(SynchronousTestCase):
    def test_ambiguous_patterns_are_refused(self) -> None:
        for opening, closing in (
            ("<use_tool", "x"),
            ("<use", "x"),
            ("<<use_tool", "x"),
            ("a-b", "-"),
            ("", "x"),
        ):
            with self.assertRaises(ValueError, msg=opening):
                DEFAULT_PATTERNS.register(
                    BlockPattern(name="other", opening=opening, closing=closing, parse=lambda _: None)
                )

    def test_a_closing_may_be_the_beginning_of_its_opening(self) -> None:
        fence = BlockPattern(
            name="fence",
            opening="```tool\n",
            closing="```",
            parse=lambda source: ParsedBlock(source[8:-3].strip()),
        )
        found = scan(list("```py\n1\n``````tool\nfind\n```a"), ScanOptions(DEFAULT_PATTERNS.register(fence)))
        self.assertEqual(
            found,
            [
                TextPiece("```py\n1\n```"),
                BlockPiece("```tool\nfind\n```", ParsedBlock("find")),
                TextPiece("a"),
            ],
        )

    def test_registering_does_not_change_the_original_patterns(self) -> None:
        self.assertEqual((DEFAULT_PATTERNS.patterns, PATTERNS.patterns), ((USE_TOOL,), (USE_TOOL, CALL)))
