"""codexd.fronts.responses.tool_messages: messages of role tool (compatibility mode `tool-messages`)."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.compatibility import TOOL_EVENTS, TOOL_MESSAGES
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import history
from codexd.fronts.responses.history import InputHistory
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.stored import LoadedHistory, StoredItem
from codexd.neutral.turn import TextPart, ToolResult
from codexd.wire.json import Json, decode, encode

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
PATCH = {"type": "custom_tool_call", "call_id": "call_2", "name": "p", "input": "raw"}
ON = frozenset((TOOL_MESSAGES,))

json_values = st.recursive(
    st.booleans() | st.integers(-9, 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def answer(content: Json, call_id: str = "call_1") -> Json:
    """Build a tool message."""
    return {"type": "message", "role": "tool", "tool_call_id": call_id, "content": content}


def read(*items: Json, modes: frozenset[str] = ON) -> InputHistory:
    """Parse an input in these modes."""
    return history.parse_input(Fields({"input": list(items)}), LoadedHistory(), modes)


def result(content: Json, call: Json = CALL) -> ToolResult:
    """Return the result of a tool message that answers this call."""
    found = read(call, answer(content, call["call_id"])).items[-1]
    assert isinstance(found, ToolResult)
    return found


def refused(*items: Json, modes: frozenset[str] = ON) -> Fault:
    """Return the fault of an input."""
    try:
        read(*items, modes=modes)
    except FaultError as refused:
        return refused.fault
    raise AssertionError("it was accepted")


class ReadTests(SynchronousTestCase):
    """Every form of a tool message becomes a tool result."""

    def test_content_may_be_a_string_or_parts_of_text_and_output(self) -> None:
        for content, texts in (
            ("42", ["42"]),
            ([{"type": "output", "content_type": "application/json", "body": '{"a": 1}'}], ['{"a": 1}']),
            ([{"type": "output", "body": "a"}, {"type": "text", "text": "b"}], ["a", "b"]),
            ([{"type": "output_text", "text": "a"}, {"type": "input_text", "text": ""}], ["a", ""]),
        ):
            self.assertEqual(result(content).parts, tuple(TextPart(text) for text in texts))

    @given(json_values)
    def test_a_body_that_is_not_a_string_becomes_its_json(self, value: Json) -> None:
        (part,) = result([{"type": "output", "body": value}]).parts
        assert isinstance(part, TextPart)
        self.assertEqual(decode(part.text), value)

    def test_a_body_keeps_the_order_of_its_members(self) -> None:
        found = result([{"type": "output", "body": {"b": 1.0, "a": [None]}}])
        self.assertEqual(found.parts, (TextPart('{"b":1.0,"a":[null]}'),))

    def test_a_type_may_be_left_out(self) -> None:
        message = {"role": "tool", "tool_call_id": "call_1", "content": "42"}
        self.assertEqual(read(CALL, message).items[-1], ToolResult("call_1", (TextPart("42"),)))

    def test_the_result_of_a_custom_call_is_a_custom_result(self) -> None:
        self.assertEqual(result("ok", PATCH), ToolResult("call_2", (TextPart("ok"),), "custom"))

    def test_a_result_whose_call_was_skipped_is_skipped(self) -> None:
        found = read({"type": "local_shell_call", "call_id": "sh"}, answer("a", "sh"))
        self.assertEqual((found.items, found.ignored), ([], ["input[0] (local_shell_call)", "input[1] (message)"]))


class RefusalTests(SynchronousTestCase):
    """Invalid tool messages."""

    def test_each_error_names_its_field(self) -> None:
        for kind, param, message in (
            ("tool_output_empty", "content", answer("")),
            ("tool_output_empty", "content", answer(None)),
            ("tool_output_empty", "content", answer([])),
            ("tool_output_empty", "content", answer([{"type": "output", "body": ""}])),
            ("wrong_type", "content", answer(5)),
            ("wrong_type", "content[0]", answer(["a"])),
            ("missing", "content[0].type", answer([{"text": "a"}])),
            ("missing", "content[0].body", answer([{"type": "output"}])),
            ("missing", "content[0].text", answer([{"type": "text"}])),
            ("wrong_type", "content[0].content_type", answer([{"type": "output", "content_type": 1}])),
            ("unsupported", "content[0].type", answer([{"type": "input_image", "image_url": "data:,"}])),
            ("unsupported", "content[1].type", answer([{"type": "text", "text": "a"}, {"type": "a b"}])),
            ("missing", "tool_call_id", {"role": "tool", "content": "a"}),
            ("wrong_value", "tool_call_id", answer("a", "")),
            ("orphan_tool_output", "tool_call_id", answer("a", "call_9")),
        ):
            fault = refused(CALL, message)
            self.assertEqual((fault.kind, fault.param, fault.status), (kind, f"input[1].{param}", 400))

    def test_a_part_that_is_not_text_is_named_if_its_type_is_a_plain_name(self) -> None:
        for kind, named in (("input_file", True), ("tell me a secret", False)):
            self.assertIs(kind in refused(CALL, answer([{"type": kind}])).message, named)

    def test_an_empty_output_has_a_code_of_its_own(self) -> None:
        self.assertEqual(refused(CALL, answer("")).code, "tool_output_empty")

    def test_an_output_before_its_call_is_an_orphan(self) -> None:
        self.assertEqual(refused(answer("a"), CALL).kind, "orphan_tool_output")


class ModeTests(SynchronousTestCase):
    """Tool messages are accepted only in their mode."""

    def test_without_the_mode_the_role_is_rejected(self) -> None:
        for modes in (frozenset[str](), frozenset((TOOL_EVENTS,))):
            fault = refused(CALL, answer("a"), modes=modes)
            self.assertEqual((fault.kind, fault.param), ("wrong_value", "input[1].role"))

    def test_an_output_in_openais_form_is_parsed_in_every_mode(self) -> None:
        for modes in (frozenset[str](), ON):
            output = {"type": "function_call_output", "call_id": "call_1", "output": "a"}
            self.assertEqual(len(read(CALL, output, modes=modes).items), 2)

    def test_it_is_stored_in_openais_form(self) -> None:
        parts = [{"type": "output", "body": "b"}, {"type": "text", "text": "c"}]
        texts = [{"type": "input_text", "text": "b"}, {"type": "input_text", "text": "c"}]
        self.assertEqual(
            read(CALL, answer("a"), answer(parts), PATCH, answer("d", "call_2")).own,
            [
                CALL,
                {"type": "function_call_output", "call_id": "call_1", "output": "a"},
                {"type": "function_call_output", "call_id": "call_1", "output": texts},
                PATCH,
                {"type": "custom_tool_call_output", "call_id": "call_2", "output": "d"},
            ],
        )

    def test_a_stored_tool_message_is_parsed_in_every_mode(self) -> None:
        kept = tuple(StoredItem(f"i{index}", encode(body)) for index, body in enumerate((CALL, answer("a"))))
        found = history.parse_input(Fields({"input": []}), LoadedHistory(kept))
        self.assertEqual(found.items[-1], ToolResult("call_1", (TextPart("a"),)))

    @given(st.lists(st.text(), min_size=1).filter(any), st.sampled_from((CALL, PATCH)))
    def test_the_stored_item_has_the_same_content(self, texts: list[str], call: Json) -> None:
        said = read(call, answer([{"type": "text", "text": text} for text in texts], call["call_id"]))
        self.assertEqual(read(*said.own, modes=frozenset()).items, said.items)
