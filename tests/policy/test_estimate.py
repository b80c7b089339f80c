"""Estimated token counts."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage
from codexd.neutral.turn import (
    FilePart,
    ImagePart,
    Message,
    Reasoning,
    RefusalPart,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    WebSearchCall,
)
from codexd.policy.estimate import (
    IMAGE_TOKENS,
    history_tokens,
    item_tokens,
    overhead_tokens,
    text_tokens,
    usage,
)


class EstimateTests(SynchronousTestCase):
    def test_a_token_is_four_bytes_rounded_up(self) -> None:
        self.assertEqual([text_tokens(size) for size in (0, 1, 4, 5, 8)], [0, 1, 1, 2, 2])

    def test_all_text_that_the_model_reads_counts_and_the_usage_is_marked_estimated(self) -> None:
        for said in (
            Message(role="user", parts=(TextPart("ab"), ImagePart("https://a/b"), TextPart("é123"))),
            Message(role="assistant", parts=(RefusalPart("seven.."),)),
            Reasoning(summary=("not this",), content=("seven", ".."), encrypted="nor this"),
            ToolCall(call_id="c", name="f", arguments="{seven}"),
            ToolResult("c", (TextPart("seven.."),)),
            WebSearchCall("ws_1", '{"a":1}'),
        ):
            turn = Turn(model="m1", items=(said, said), instructions="ié")
            estimated = Usage(input_tokens=text_tokens(2 * 7 + 3), output_tokens=3, estimated=True)
            self.assertEqual(usage(turn, 9), estimated)
            self.assertEqual(history_tokens((said, said)), text_tokens(14))

    def test_images_and_files_count(self) -> None:
        parts = (TextPart("abcd"), ImagePart("data:image/png;base64," + "A" * 99), FilePart("data:,1234567"))
        self.assertEqual(item_tokens(Message(role="user", parts=parts)), 1 + IMAGE_TOKENS + 4)
        self.assertEqual(item_tokens(ToolCall(call_id="c", name="f", arguments="{seven}")), 2)

    def test_instructions_and_tools_are_overhead(self) -> None:
        turn = Turn(
            model="m1",
            items=(Message(role="user", parts=(TextPart("x"),)),),
            instructions="é1",
            tools=(Tool(name="f", description="abc", parameters='{"a":1}'),),
        )
        self.assertEqual(overhead_tokens(turn), text_tokens(3 + 3 + 7))

    @given(st.lists(st.text(max_size=5), max_size=4))
    def test_the_split_of_a_text_into_parts_does_not_matter(self, texts: list[str]) -> None:
        apart = Turn(model="m1", items=(Message(role="user", parts=tuple(TextPart(text) for text in texts)),))
        joined = Turn(model="m1", items=(Message(role="user", parts=(TextPart("".join(texts)),)),))
        self.assertEqual(usage(apart, 0), usage(joined, 0))
