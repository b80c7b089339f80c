"""codexd.fronts.responses.history: input items to the neutral history."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Item,
    Message,
    Reasoning,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from codexd.wire.json import Json
from tests.support.responses_requests import turn_of

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}


def items(*input: Json) -> tuple[Item, ...]:
    """Give the history that these input items amount to."""
    return turn_of(input=list(input)).items


class InputTests(SynchronousTestCase):
    """What the client says becomes history, nothing flattened, nothing lost."""

    def test_a_string_is_one_user_message(self) -> None:
        self.assertEqual(turn_of(input="hi").items, (Message("user", (TextPart("hi"),)),))

    def test_an_empty_list_is_an_empty_history(self) -> None:
        self.assertEqual(turn_of(input=[]).items, ())

    def test_a_message_needs_no_type_and_may_be_a_string_or_parts_or_empty(self) -> None:
        said = items(
            {"role": "user", "content": "a"},
            {"role": "system", "content": [{"type": "input_text", "text": "b"}]},
            {"role": "developer", "content": []},
            {"type": "message", "role": "assistant", "content": None},
        )
        self.assertEqual(
            said,
            (
                Message("user", (TextPart("a"),)),
                Message("system", (TextPart("b"),)),
                Message("developer", ()),
                Message("assistant", ()),
            ),
        )

    def test_every_content_part_is_kept(self) -> None:
        parts = [
            {"type": "input_text", "text": "a"},
            {"type": "text", "text": "b"},
            {"type": "output_text", "text": "c", "annotations": [], "logprobs": []},
            {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "high"},
            {"type": "input_file", "file_data": "data:text/plain;base64,AA", "filename": "a.txt"},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            {"type": "refusal", "refusal": "no"},
        ]
        (message,) = items({"role": "user", "content": parts})
        assert isinstance(message, Message)
        self.assertEqual(
            message.parts,
            (
                TextPart("a"),
                TextPart("b"),
                TextPart("c"),
                ImagePart("data:image/png;base64,AA", "high"),
                FilePart("data:text/plain;base64,AA", "a.txt"),
                AudioPart("AA", "wav"),
                RefusalPart("no"),
            ),
        )

    def test_an_assistant_message_keeps_its_id_its_phase_and_that_it_was_cut(self) -> None:
        (message,) = items(
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "incomplete",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "a"}],
            }
        )
        self.assertEqual(message, Message("assistant", (TextPart("a"),), "commentary", "msg_1", False))

    def test_a_call_and_its_output_stay_a_pair_whether_string_or_parts(self) -> None:
        said = items(
            CALL | {"id": "fc_1", "namespace": "mcp", "status": "completed"},
            {"type": "function_call_output", "call_id": "call_1", "output": "42"},
            {
                "type": "function_call_output",
                "call_id": "call_1",
                "output": [{"type": "input_image", "image_url": "https://example.org/a.png"}],
            },
        )
        self.assertEqual(
            said,
            (
                ToolCall("call_1", "f", "{}", namespace="mcp", id="fc_1"),
                ToolResult("call_1", (TextPart("42"),)),
                ToolResult("call_1", (ImagePart("https://example.org/a.png"),)),
            ),
        )

    def test_a_custom_call_keeps_its_raw_input(self) -> None:
        raw = "*** Begin Patch\n\t“q”\n"
        said = items(
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "apply_patch", "input": raw},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
        )
        call = ToolCall("c", "apply_patch", raw, "custom", None, "ctc_1")
        self.assertEqual(said, (call, ToolResult("c", (TextPart("ok"),), "custom")))

    def test_reasoning_is_replayed_as_given(self) -> None:
        said = items(
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
                "content": [{"type": "reasoning_text", "text": "c"}],
                "encrypted_content": "sealed",
            },
            {"type": "reasoning", "summary": [], "content": None, "encrypted_content": None},
        )
        self.assertEqual(said, (Reasoning(("a", "b"), ("c",), "sealed", "rs_1"), Reasoning()))

    def test_unknown_items_are_named_and_passed_over_with_their_outputs(self) -> None:
        asked = turn_of(
            input=[
                {"type": "web_search_call", "id": "ws_1", "status": "completed"},
                {"role": "user", "content": "a"},
                {"type": "local_shell_call", "call_id": "sh", "action": {}},
                {"type": "function_call_output", "call_id": "sh", "output": "b"},
            ]
        )
        self.assertEqual(asked.items, (Message("user", (TextPart("a"),)),))
        self.assertEqual(asked.ignored, ("input[0]", "input[2]", "input[3]"))
