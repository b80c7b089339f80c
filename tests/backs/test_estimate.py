"""Token counts where nobody counted."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.estimate import PICTURE_TOKENS, frame, history, item, tokens, usage
from codexd.neutral.event import Usage
from codexd.neutral.turn import (
    FilePart,
    ImagePart,
    Message,
    Reasoning,
    RefusalPart,
    Search,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)


class EstimateTests(SynchronousTestCase):
    def test_a_token_is_four_bytes_or_what_is_left_of_them(self) -> None:
        self.assertEqual([tokens(size) for size in (0, 1, 4, 5, 8)], [0, 1, 1, 2, 2])

    def test_everything_the_model_reads_as_text_counts_and_the_whole_is_marked(self) -> None:
        for said in (
            Message("user", (TextPart("ab"), ImagePart("https://a/b"), TextPart("é123"))),
            Message("assistant", (RefusalPart("seven.."),)),
            Reasoning(("not this",), ("seven", ".."), "nor this"),
            ToolCall("c", "f", "{seven}"),
            ToolResult("c", (TextPart("seven.."),)),
            Search("ws_1", '{"a":1}'),
        ):
            turn = Turn("m1", (said, said), instructions="ié")
            estimated = Usage(input_tokens=tokens(2 * 7 + 3), output_tokens=3, estimated=True)
            self.assertEqual(usage(turn, 9), estimated)
            self.assertEqual(history((said, said)), tokens(14))

    def test_pictures_and_files_take_up_context_too(self) -> None:
        parts = (TextPart("abcd"), ImagePart("data:image/png;base64," + "A" * 99), FilePart("data:,1234567"))
        self.assertEqual(item(Message("user", parts)), 1 + PICTURE_TOKENS + 4)
        self.assertEqual(item(ToolCall("c", "f", "{seven}")), 2)

    def test_instructions_and_tools_stand_around_the_history(self) -> None:
        turn = Turn("m1", (Message("user", (TextPart("x"),)),), "é1", (Tool("f", "abc", '{"a":1}'),))
        self.assertEqual(frame(turn), tokens(3 + 3 + 7))

    @given(st.lists(st.text(max_size=5), max_size=4))
    def test_how_a_text_is_cut_into_parts_does_not_count(self, texts: list[str]) -> None:
        apart = Turn("m1", (Message("user", tuple(TextPart(text) for text in texts)),))
        joined = Turn("m1", (Message("user", (TextPart("".join(texts)),)),))
        self.assertEqual(usage(apart, 0), usage(joined, 0))
