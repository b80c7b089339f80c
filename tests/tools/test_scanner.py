"""The scanner: the same pieces however the text is cut, and never a character more or less."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.patterns import KNOWN, USE_TOOL, Pattern
from codexd.tools.scanner import ABORTED, FLUSHED, SCANNING, STARTED, Block, Piece, Scanner, Scanning, Text
from codexd.tools.use import Use
from tests.support.blocks import BOTH, CALL, CLOSE, FIND, OPEN, cut_blocky
from tests.support.chunking import chunkings
from tests.support.sentences import pieces as repeats


def scan(chunks: list[str], scanning: Scanning = SCANNING) -> list[Piece]:
    """Give what a text comes to, neighbouring texts as one."""
    scanner = scanning.scanner()
    given = [piece for chunk in chunks for piece in scanner.feed(chunk)] + scanner.finish()
    merged: list[Piece] = []
    for piece in given:
        if isinstance(piece, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].source + piece.source)
        else:
            merged.append(piece)
    return merged


def plainly(text: str, limit: int, patterns: tuple[Pattern, ...]) -> list[str]:
    """Find the blocks in a whole text by the definition, without any state; the reference."""
    found, position = [], 0
    while True:
        begun = [(m.start(), p) for p in patterns if (m := re.compile(p.mark).search(text, position))]
        if not begun:
            return found
        start, pattern = min(begun, key=lambda one: one[0])
        inside = start + len(pattern.opening)
        end = pattern.inner.search(text[: start + limit], inside)
        if end is None and len(text) < start + limit:
            return found
        if end is None:
            position = inside
        elif end["closing"] is None:
            position = end.start()
        else:
            position = end.end()
            block = text[start:position]
            found += [block] if pattern.read(block) else []


class LawTests(SynchronousTestCase):
    @given(cut_blocky(), st.sampled_from((3, 12, 30, 60, 10**6)))
    def test_any_cut_gives_the_same_pieces_and_the_same_counts(
        self, cut: tuple[str, list[str]], limit: int
    ) -> None:
        text, chunks = cut
        counts: list[Counter[str]] = [Counter(), Counter()]
        ways = [
            scan(way, Scanning(BOTH, limit, lambda name, count=count: count.update([name])))  # type: ignore[misc]
            for way, count in zip(([text], chunks), counts, strict=True)
        ]
        self.assertEqual(ways[0], ways[1])
        self.assertEqual(counts[0], counts[1])
        self.assertEqual(counts[0][STARTED], counts[0][FLUSHED] + counts[0][ABORTED])

    @given(cut_blocky(), st.sampled_from((3, 12, 30, 60, 10**6)))
    def test_no_character_is_lost_or_added(self, cut: tuple[str, list[str]], limit: int) -> None:
        text, chunks = cut
        self.assertEqual("".join(piece.source for piece in scan(chunks, Scanning(BOTH, limit))), text)

    @given(cut_blocky(), st.sampled_from((3, 12, 30, 60, 10**6)))
    def test_the_blocks_are_those_of_the_definition(self, cut: tuple[str, list[str]], limit: int) -> None:
        text, chunks = cut
        found = [piece.source for piece in scan(chunks, Scanning(BOTH, limit)) if isinstance(piece, Block)]
        self.assertEqual(found, plainly(text, limit, BOTH.known))

    @given(cut_blocky(), st.sampled_from((12, 60)))
    def test_only_what_may_begin_a_block_is_held_and_not_more_than_the_limit(
        self, cut: tuple[str, list[str]], limit: int
    ) -> None:
        scanner, given_length = Scanning(BOTH, limit).scanner(), 0
        taken = ""
        for chunk in cut[1]:
            taken += chunk
            given_length += sum(len(piece.source) for piece in scanner.feed(chunk))
            held = taken[given_length:]
            self.assertEqual(scanner.holds, bool(held))
            self.assertLess(len(held), limit)
            starts = tuple(pattern.opening for pattern in BOTH.known)
            self.assertTrue(not held or held.startswith(starts) or any(s.startswith(held) for s in starts))

    @given(repeats(), repeats())
    def test_repeated_pieces_of_text_are_all_given(self, before: list[str], after: list[str]) -> None:
        said = [*before, OPEN, *before, *after]
        self.assertEqual("".join(piece.source for piece in scan(said)), "".join(said))


class ScannerTests(SynchronousTestCase):
    def test_a_block_is_given_once_and_whole_when_its_last_character_comes(self) -> None:
        scanner = Scanner(Scanning())
        given = [scanner.feed(character) for character in f"a{FIND}b"]
        use = Use("find", (("query", "R&amp;D"),))
        self.assertEqual([piece for piece in given if piece], [[Text("a")], [Block(FIND, use)], [Text("b")]])
        self.assertEqual(given[len(FIND)], [Block(FIND, use)])

    def test_text_that_only_looks_like_a_beginning_is_given_when_that_is_known(self) -> None:
        scanner = Scanner(Scanning())
        given = [scanner.feed(piece) for piece in ("a <", "use_tool", "s> b", "<use", "r>")]
        self.assertEqual(given, [[Text("a ")], [], [Text("<use_tools> b")], [], [Text("<user>")]])

    def test_a_nested_block_ends_the_one_around_it_and_is_looked_at_itself(self) -> None:
        outer = f"{OPEN}<name>write</name><text>"
        found = scan([outer, FIND, f"</text>{CLOSE}"])
        self.assertEqual([piece.source for piece in found], [outer, FIND, f"</text>{CLOSE}"])

    def test_a_malformed_block_is_text(self) -> None:
        broken = f"{OPEN}no name{CLOSE}"
        self.assertEqual(scan(list(broken)), [Text(broken)])

    def test_a_block_without_end_is_given_at_the_end(self) -> None:
        scanner = Scanner(Scanning())
        self.assertEqual((scanner.feed(f"a{OPEN}<name>f"), scanner.holds), ([Text("a")], True))
        self.assertEqual((scanner.finish(), scanner.holds), ([Text(f"{OPEN}<name>f")], False))

    def test_a_block_of_exactly_the_limit_is_one_and_a_longer_one_is_not(self) -> None:
        for limit, kind in ((len(FIND), Block), (len(FIND) - 1, Text)):
            for chunks in ([FIND], list(FIND)):
                self.assertEqual([type(piece) for piece in scan(chunks, Scanning(limit=limit))], [kind])

    def test_what_comes_after_a_block_beyond_the_limit_is_looked_at(self) -> None:
        found = scan([OPEN + "x" * 100, FIND], Scanning(limit=len(FIND)))
        self.assertEqual([piece.source for piece in found], [OPEN + "x" * 100, FIND])

    def test_a_registered_pattern_is_found_beside_the_first(self) -> None:
        mine = '<call:{"query":"x"}:call>'
        found = scan([*f"a{mine}", FIND], Scanning(BOTH))
        self.assertEqual(found[1], Block(mine, Use("find", arguments='{"query":"x"}')))
        self.assertEqual([piece.source for piece in found], ["a", mine, FIND])
        self.assertEqual(scan([mine]), [Text(mine)])

    def test_a_long_block_of_small_pieces_takes_linear_time(self) -> None:
        scanner = Scanner(Scanning(limit=2**21))
        scanner.feed(OPEN)
        for _ in range(200_000):
            scanner.feed("abcd")
        self.assertEqual(sum(len(piece.source) for piece in scanner.finish()), len(OPEN) + 800_000)

    @given(st.data())
    def test_a_mark_may_be_cut_anywhere(self, data: st.DataObject) -> None:
        found = scan(data.draw(chunkings(FIND + FIND)))
        self.assertEqual([type(piece) for piece in found], [Block, Block])


class PatternTests(SynchronousTestCase):
    def test_patterns_that_cannot_be_told_apart_are_refused(self) -> None:
        for opening, closing in (
            ("<use_tool", "x"),
            ("<use", "x"),
            ("<<use_tool", "x"),
            ("a-b", "-"),
            ("", "x"),
        ):
            with self.assertRaises(ValueError, msg=opening):
                KNOWN.register(Pattern("other", opening, closing, lambda _: None))

    def test_a_fence_may_close_what_a_longer_one_opens(self) -> None:
        fence = Pattern("fence", "```tool\n", "```", lambda source: Use(source[8:-3].strip()))
        found = scan(list("```py\n1\n``````tool\nfind\n```a"), Scanning(KNOWN.register(fence)))
        self.assertEqual(found, [Text("```py\n1\n```"), Block("```tool\nfind\n```", Use("find")), Text("a")])

    def test_registering_leaves_others_as_they_are(self) -> None:
        self.assertEqual((KNOWN.known, BOTH.known), ((USE_TOOL,), (USE_TOOL, CALL)))
