"""The time to find the calls in a text is linear, whatever a model writes and however it is cut."""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.turn import Tool
from codexd.tools.block_format import format_block, format_call
from codexd.tools.block_parser import MAX_MARKS, parse_block
from codexd.tools.block_scanner import BlockScanner, ScanOptions
from codexd.tools.call_extractor import MAX_CALLS, CallExtractor
from codexd.tools.call_limits import CallLimiter, CallLimits
from codexd.tools.duplicate_calls import call_key
from codexd.tools.offered_tools import OfferedTools
from codexd.tools.values import decode_untyped
from tests.support.growth import assert_linear
from tests.support.tool_blocks import PATTERNS

TEXTS = {
    "openings": "<use_tool>",
    "empty blocks": "<use_tool></use_tool>",
    "blocks": "<use_tool><name>f</name></use_tool>",
    "unfinished openings": "<use_too",
    "closings": "</use_tool>",
    "openings of two patterns": "<use_tool><call:",
    "angles": "<",
    "nested parameters": "<use_tool><name>f</name><a><a></a></use_tool>",
}
SIZE = 8000


def whole(text: str) -> Callable[[int], Callable[[], object]]:
    def build(count: int) -> Callable[[], object]:
        long = text * count
        return lambda: scan([long])

    return build


def pieces(text: str) -> Callable[[int], Callable[[], object]]:
    def build(count: int) -> Callable[[], object]:
        long = text * count
        cut = [long[at : at + 7] for at in range(0, len(long), 7)]
        return lambda: scan(cut)

    return build


def scan(texts: list[str]) -> None:
    scanner = BlockScanner(ScanOptions(PATTERNS))
    for text in texts:
        scanner.feed(text)
    scanner.finish()


class HostileTextTests(SynchronousTestCase):
    def test_the_scanner_is_linear(self) -> None:
        for name, text in TEXTS.items():
            assert_linear(self, whole(text), SIZE, name)
            assert_linear(self, pieces(text), SIZE // 4, f"{name}, in pieces")

    def test_a_parser_of_one_block_is_linear(self) -> None:
        for name, inner in (
            ("parameters", "<a>b</a>"),
            ("nested parameters", "<a>"),
            ("blanks", " "),
            ("names", ' name="a"'),
            ("line breaks", "\n "),
            ("character data", "<![CDATA["),
            ("entities", "&lt;"),
        ):
            for before, after in (("<use_tool><name>f</name>", "</use_tool>"), ("<use_tool", "></use_tool>")):
                assert_linear(
                    self,
                    lambda n, a=before, b=inner, c=after: lambda: parse_block(a + b * n + c),  # type: ignore[misc]
                    2000,
                    name,
                )
            assert_linear(self, lambda n, b=inner: lambda: decode_untyped("\n" + b * n), 2000, name)  # type: ignore[misc]

    def test_only_so_many_blocks_of_a_response_become_calls(self) -> None:
        extractor = CallExtractor(OfferedTools((Tool(name="f"),)), "abc")
        blocks = "".join(f"<use_tool><name>f</name><a>{number}</a></use_tool>" for number in range(MAX_CALLS + 2))
        events = extractor.feed(e.MessageOpened(0, "msg_1")) + extractor.feed(e.TextDelta(0, blocks))
        self.assertEqual(sum(isinstance(event, e.CallOpened) for event in events), MAX_CALLS)
        text = "".join(event.text for event in events if isinstance(event, e.TextDelta))
        self.assertEqual(text.count("<use_tool>"), 2, "nothing is lost")

    def test_text_without_effect_after_a_call_is_dropped_in_linear_time(self) -> None:
        def build(count: int) -> Callable[[], object]:
            def work() -> None:
                limiter = CallLimiter(CallLimits(drop_trailing_text=True))
                limiter.feed(e.CallOpened(index=0, id="fc", call_id="c", name="f"))
                limiter.feed(e.CallClosed(0))
                limiter.feed(e.MessageOpened(1, "msg"))
                for _ in range(count):
                    limiter.feed(e.TextDelta(1, "a"))
                    limiter.feed(e.TextDelta(1, "", "[]"))

            return work

        assert_linear(self, build, 2000)

    def test_json_that_nests_too_deep_is_text(self) -> None:
        offered = OfferedTools((Tool(name="f", parameters='{"properties":{"a":{"type":"array"}}}'),), allow_any=True)
        for depth in (100, 127, 128, 255, 300, 1022, 1023, 100_000):
            deep, objects = "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth
            for inner in (
                f'{{"name":"f","a":{deep}}}',
                f"<name>f</name><a>{deep}</a>",
                f"<name>f</name><b>{deep}</b>",
                f"<name>f</name><args>{objects}</args>",
                f"<name>f</name><a>{'<item>' * depth}{'</item>' * depth}</a>",
            ):
                block = parse_block(f"<use_tool>{inner}</use_tool>")
                if block is not None:
                    arguments = offered.build_arguments(block, offered.tools[0])
                    format_block(block)
                    format_call("f", arguments)
                    call_key("f", arguments)

    def test_a_block_with_very_many_marks_is_text(self) -> None:
        inner = "<a>" * (MAX_MARKS - 4)
        self.assertIsNotNone(parse_block(f"<use_tool><name>f</name><b>{'&lt;' * MAX_MARKS}</b></use_tool>"))
        self.assertIsNone(parse_block(f"<use_tool><name>f</name>{inner}</use_tool>"))
