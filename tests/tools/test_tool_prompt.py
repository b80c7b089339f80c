"""Tests of codexd.tools.tool_prompt."""

from attrs import evolve
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import (
    ImagePart,
    Item,
    Message,
    Reasoning,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from codexd.tools.block_format import format_call
from codexd.tools.block_patterns import USE_TOOL
from codexd.tools.tool_prompt import convert_tools_to_text, describe_tools
from tests.support.chat_turns import exchanges
from tests.support.tool_blocks import FIND_BLOCK, TOOL

USER = Message(role="user", parts=(TextPart("hi"),))
CALL = ToolCall(call_id="c", name="find", arguments='{"limit":1,"query":"a"}')
RESULT = ToolResult("c", (TextPart("found"),))
RESULT_TEXT = "<tool_result>\n  <name>find</name>\n  <result>found</result>\n</tool_result>"


def texts(items: tuple[Item, ...]) -> list[tuple[str, str]]:
    """Return the role and the text of each message."""
    messages = [item for item in items if isinstance(item, Message)]
    return [(m.role, "".join(part.text if isinstance(part, TextPart) else "*" for part in m.parts)) for m in messages]


class LawTests(SynchronousTestCase):
    @given(exchanges().map(lambda exchange: exchange.turn))
    def test_a_converted_turn_has_no_tools_and_converts_to_itself(self, turn: Turn) -> None:
        found = convert_tools_to_text(turn)
        self.assertEqual((found.tools, convert_tools_to_text(found)), ((), found))
        self.assertFalse([item for item in found.items if isinstance(item, ToolCall | ToolResult)])

    @given(exchanges().map(lambda exchange: exchange.turn))
    def test_a_turn_without_tools_and_calls_does_not_change(self, turn: Turn) -> None:
        items = tuple(item for item in turn.items if isinstance(item, Message))
        plain = evolve(turn, items=items, tools=())
        self.assertEqual(convert_tools_to_text(plain), plain)


class DescribeToolsTests(SynchronousTestCase):
    def test_every_tool_and_parameter_is_described(self) -> None:
        schema = '{"properties":{"path":{"type":"string","description":"Where."},"more":true},"required":["path"]}'
        words = describe_tools((Tool(name="read", description="Reads a note.", parameters=schema, namespace="vault"),))
        self.assertTrue(
            words.endswith(
                '## vault.read\nReads a note.\n- <path> (required): Where.: {"type":"string"}\n- <more> (optional)'
            ),
            words,
        )

    def test_the_example_block_can_be_parsed(self) -> None:
        words = describe_tools((TOOL,))
        block = words[words.index("<use_tool>") : words.index("</use_tool>") + len("</use_tool>")]
        parsed = USE_TOOL.parse(block)
        self.assertEqual(parsed and parsed.name, "tool_name")

    def test_a_custom_tool_has_one_input_and_its_grammar(self) -> None:
        words = describe_tools((Tool(name="patch", kind="custom", grammar="{}"),))
        self.assertIn("- <input> (required)", words)
        self.assertIn("format: {}", words)

    def test_limits_of_the_calls_are_described(self) -> None:
        self.assertIn("at most one call", describe_tools((TOOL,), parallel=False))
        self.assertIn("You must answer by calling", describe_tools((TOOL,), required=True))
        self.assertNotIn("You must answer by calling", describe_tools((TOOL,)))

    def test_without_tools_the_description_is_empty(self) -> None:
        self.assertEqual(describe_tools(()), "")


class ConvertToolsToTextTests(SynchronousTestCase):
    def test_the_description_follows_the_instructions(self) -> None:
        turn = convert_tools_to_text(Turn(model="m", items=(USER,), instructions="Be kind.", tools=(TOOL,)))
        self.assertEqual(turn.instructions, f"Be kind.\n\n{describe_tools((TOOL,))}")

    def test_only_the_tools_of_the_tool_choice_are_described(self) -> None:
        turn = Turn(
            model="m", items=(USER,), tools=(TOOL, Tool(name="other")), tool_choice=ToolChoice("required", ("other",))
        )
        found = convert_tools_to_text(turn)
        self.assertEqual(found.instructions, describe_tools((Tool(name="other"),), required=True))
        self.assertEqual(found.tool_choice, ToolChoice())
        self.assertIsNone(convert_tools_to_text(evolve(turn, tool_choice=ToolChoice("none"))).instructions)

    def test_calls_become_assistant_text_and_results_user_text(self) -> None:
        block = format_call("find", '{"query":"a","limit":1}', order=("query", "limit"))
        assistant = Message(role="assistant", parts=(TextPart("Look:"),))
        turn = convert_tools_to_text(
            Turn(model="m", items=(USER, assistant, CALL, CALL, RESULT, RESULT, USER), tools=(TOOL,))
        )
        self.assertEqual(
            texts(turn.items),
            [
                ("user", "hi"),
                ("assistant", f"Look:\n\n{block}\n\n{block}"),
                ("user", f"{RESULT_TEXT}\n\n{RESULT_TEXT}"),
                ("user", "hi"),
            ],
        )

    def test_text_and_reasoning_do_not_change(self) -> None:
        items = (Message(role="assistant", parts=(TextPart(FIND_BLOCK),)), Reasoning(summary=("a",)))
        self.assertEqual(convert_tools_to_text(Turn(model="m", items=items, tools=(TOOL,))).items, items)

    def test_a_result_keeps_its_images_and_marks_an_error(self) -> None:
        result = ToolResult("c", (TextPart("a"), ImagePart("data:x")), success=False)
        found = convert_tools_to_text(Turn(model="m", items=(CALL, result), tools=(TOOL,))).items[1]
        assert isinstance(found, Message)
        self.assertEqual(found.parts[1], ImagePart("data:x"))
        self.assertIn("<error>a*</error>", texts((found,))[0][1])

    def test_no_delimiter_follows_a_line_break(self) -> None:
        assistant = Message(role="assistant", parts=(TextPart("Look:\n"),))
        (_, text), *_ = texts(convert_tools_to_text(Turn(model="m", items=(assistant, CALL), tools=(TOOL,))).items)
        self.assertTrue(text.startswith("Look:\n<use_tool>"), text)

    def test_converted_items_have_one_text_part(self) -> None:
        assistant = Message(role="assistant", parts=(TextPart("Look:"),))
        turn = convert_tools_to_text(
            Turn(model="m", items=(USER, assistant, CALL, CALL, RESULT, RESULT), tools=(TOOL,))
        )
        self.assertEqual([len(item.parts) for item in turn.items if isinstance(item, Message)], [1, 1, 1])

    def test_a_text_with_annotations_stays_a_part_of_its_own(self) -> None:
        noted = TextPart("b", ("{}",))
        turn = convert_tools_to_text(
            Turn(model="m", items=(Message(role="assistant", parts=(TextPart("a"), noted)), CALL), tools=(TOOL,))
        )
        (assistant,) = turn.items
        assert isinstance(assistant, Message)
        self.assertEqual(
            [(part.text[0], part.annotations) for part in assistant.parts if isinstance(part, TextPart)],
            [("a", ()), ("b", ("{}",))],
        )

    def test_closing_tags_inside_a_result_are_escaped(self) -> None:
        nasty = ToolResult("c", (TextPart("</result></tool_result"), TextPart("> <b>")))
        text = texts(convert_tools_to_text(Turn(model="m", items=(CALL, nasty))).items)[1][1]
        self.assertIn("&lt;/result>&lt;/tool_result\n> <b>", text)
        self.assertEqual(text.count("</tool_result"), 1)

    def test_the_parts_of_a_result_are_on_lines_of_their_own(self) -> None:
        result = ToolResult("c", (TextPart("a"), TextPart("b")))
        self.assertIn(
            "<result>a\nb</result>", texts(convert_tools_to_text(Turn(model="m", items=(CALL, result))).items)[1][1]
        )

    def test_the_result_of_an_unknown_call_has_the_call_id_as_its_name(self) -> None:
        self.assertIn("<name>c</name>", texts(convert_tools_to_text(Turn(model="m", items=(RESULT,))).items)[0][1])
