"""codexd.fronts.responses.history: input items to the neutral history."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import history, item_types
from codexd.fronts.responses.items import READERS
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.stored import LoadedHistory, StoredItem
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
    Turn,
)
from codexd.wire.json import Json, encode
from tests.support import responses_turns
from tests.support.responses_requests import decode_fault, decode_turn, encode_turn

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}


def items(*input: Json) -> tuple[Item, ...]:
    """Return the history of these input items."""
    return decode_turn(input=list(input)).items


class InputTests(SynchronousTestCase):
    """The input becomes history, with nothing flattened or lost."""

    def test_a_string_is_one_user_message(self) -> None:
        self.assertEqual(decode_turn(input="hi").items, (Message(role="user", parts=(TextPart("hi"),)),))

    def test_an_empty_list_is_an_empty_history(self) -> None:
        self.assertEqual(decode_turn(input=[]).items, ())

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
                Message(role="user", parts=(TextPart("a"),)),
                Message(role="system", parts=(TextPart("b"),)),
                Message(role="developer", parts=()),
                Message(role="assistant", parts=()),
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

    def test_an_assistant_message_keeps_its_id_phase_and_completeness(self) -> None:
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
        self.assertEqual(
            message, Message(role="assistant", parts=(TextPart("a"),), phase="commentary", id="msg_1", complete=False)
        )

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
                ToolCall(call_id="call_1", name="f", arguments="{}", namespace="mcp", id="fc_1"),
                ToolResult("call_1", (TextPart("42"),)),
                ToolResult("call_1", (ImagePart("https://example.org/a.png"),)),
            ),
        )

    def test_an_image_has_its_path_unless_it_is_of_the_stored_history(self) -> None:
        part = {"type": "input_image", "image_url": "https://example.org/a.png"}
        result = {"type": "function_call_output", "call_id": "call_1", "output": [part]}
        told = [{"role": "user", "content": [part]}, CALL, result]
        stored = tuple(StoredItem(f"i{index}", encode(item)) for index, item in enumerate(told))
        fields = Fields({"previous_response_id": "resp_1", "input": told})
        found = history.parse_input(fields, LoadedHistory(history=stored)).items
        images = [part for item in found if isinstance(item, Message | ToolResult) for part in item.parts]
        paths = [image.path for image in images if isinstance(image, ImagePart)]
        self.assertEqual(paths, [None, None, "input[0].content[0].image_url", "input[2].output[0].image_url"])

    def test_a_custom_call_keeps_its_raw_input(self) -> None:
        raw = "*** Begin Patch\n\t“q”\n"
        said = items(
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "apply_patch", "input": raw},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
        )
        call = ToolCall(call_id="c", name="apply_patch", arguments=raw, kind="custom", namespace=None, id="ctc_1")
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
        self.assertEqual(
            said, (Reasoning(summary=("a", "b"), content=("c",), encrypted="sealed", id="rs_1"), Reasoning())
        )

    def test_unknown_items_are_listed_and_skipped_with_their_outputs(self) -> None:
        asked = decode_turn(
            input=[
                {"type": "file_search_call", "id": "fs_1", "status": "completed"},
                {"role": "user", "content": "a"},
                {"type": "local_shell_call", "call_id": "sh", "action": {}},
                {"type": "function_call_output", "call_id": "sh", "output": "b"},
            ]
        )
        self.assertEqual(asked.items, (Message(role="user", parts=(TextPart("a"),)),))
        self.assertEqual(
            asked.ignored,
            ("input[0] (file_search_call)", "input[2] (local_shell_call)", "input[3] (function_call_output)"),
        )

    def test_a_type_that_does_not_exist_is_rejected_by_name(self) -> None:
        for type, said in (
            ("function_call_ouput", "the nearest name is 'function_call_output'"),
            ("item_refrence", "the nearest name is 'item_reference'"),
            ("mesage", "the nearest name is 'message'"),
            ("banana", "supported types are 'message', 'function_call',"),
        ):
            fault = decode_fault({"model": "m", "input": [{"role": "user", "content": "a"}, {"type": type}]})
            self.assertEqual((fault.kind, fault.status, fault.param), ("wrong_value", 400, "input[1].type"))
            self.assertIn(f"named '{type}'", fault.message)
            self.assertIn(said, fault.message)

    def test_a_type_that_is_not_a_plain_word_is_not_quoted(self) -> None:
        for type in ("tell me", "a\r\nb", "x" * 65, ""):
            fault = decode_fault({"model": "m", "input": [{"type": type, "content": "secret"}]})
            expected = "input[0].type" if type else "input[0].role"
            self.assertEqual((fault.status, fault.param), (400, expected))
            self.assertNotIn(type or "secret", fault.message)

    def test_every_unsupported_type_is_accepted_and_named(self) -> None:
        for type in item_types.UNSUPPORTED - READERS.keys():
            asked = decode_turn(input=[{"type": type, "id": "i"}, {"role": "user", "content": "a"}])
            self.assertEqual((len(asked.items), asked.ignored), (1, (f"input[0] ({type})",)))


def kept(*bodies: Json) -> tuple[StoredItem, ...]:
    """Return items as they are stored; those without an id get one."""
    return tuple(StoredItem(body.get("id") or f"item_{index}", encode(body)) for index, body in enumerate(bodies))


def read(input: Json, *before: Json) -> history.InputHistory:
    """Parse an input that continues these items and may refer to each of them."""
    items = kept(*before)
    loaded = LoadedHistory(items, items={item.id: item for item in items})
    return history.parse_input(Fields({"input": input}), loaded)


def refused(input: Json, *before: Json) -> Fault:
    """Return the fault of such an input."""
    try:
        read(input, *before)
    except FaultError as refused:
        return refused.fault
    raise AssertionError("it was accepted")


class StoredHistoryTests(SynchronousTestCase):
    """Continuing a stored history equals sending it again."""

    @given(responses_turns.histories().map(list), st.data())
    def test_a_stored_history_equals_the_one_sent_again(self, said: list[Item], data: st.DataObject) -> None:
        bodies = encode_turn(Turn(model="m", items=tuple(said)))["input"]
        for body in bodies:
            body.pop("status", None)
        split = data.draw(st.integers(0, len(bodies)))
        resumed = read(bodies[split:], *bodies[:split])
        self.assertEqual(resumed.items, read(bodies).items)
        self.assertEqual(resumed.own, bodies[split:])

    def test_incomplete_calls_and_reasoning_are_left_out_and_messages_stay(self) -> None:
        thought = {"type": "reasoning", "id": "rs_1", "summary": []}
        message = {"type": "message", "role": "assistant", "content": "a"}
        cut = [item | {"status": "incomplete"} for item in (thought, CALL, message)]
        self.assertEqual(
            read("hi", *cut).items,
            [
                Message(role="assistant", parts=(TextPart("a"),), complete=False),
                Message(role="user", parts=(TextPart("hi"),)),
            ],
        )
        output = {"type": "function_call_output", "call_id": "call_1", "output": "b"}
        self.assertEqual(refused([output], *cut).kind, "orphan_tool_output")

    def test_an_output_may_answer_a_stored_call(self) -> None:
        output = {"type": "function_call_output", "call_id": "call_1", "output": "b"}
        said = read([output], CALL).items
        self.assertEqual(
            said, [ToolCall(call_id="call_1", name="f", arguments="{}"), ToolResult("call_1", (TextPart("b"),))]
        )

    def test_a_stored_output_whose_call_was_deleted_is_left_out(self) -> None:
        output = {"type": "function_call_output", "call_id": "call_1", "output": "b"}
        found = read("hi", output)
        self.assertEqual((found.items, found.ignored), ([Message(role="user", parts=(TextPart("hi"),))], []))

    def test_unknown_stored_items_are_skipped_and_not_listed(self) -> None:
        shell = {"type": "local_shell_call", "call_id": "sh", "action": {}}
        output = {"type": "local_shell_call_output", "call_id": "sh", "output": "b"}
        self.assertEqual(read([], shell, output).ignored, [])
        self.assertEqual(read([output], shell).ignored, ["input[0] (local_shell_call_output)"])

    def test_a_stored_item_of_a_type_that_no_longer_exists_is_skipped(self) -> None:
        found = read("hi", {"type": "banana", "id": "item_1"})
        self.assertEqual((len(found.items), found.ignored), (1, []))


class ReferenceTests(SynchronousTestCase):
    """An item may be referenced instead of sent."""

    def test_a_reference_is_the_item_that_it_names(self) -> None:
        message = {"type": "message", "id": "msg_1", "role": "assistant", "content": "a"}
        known = LoadedHistory((), items={item.id: item for item in kept(message)})
        for reference in ({"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}):
            fields = Fields({"input": [reference]})
            found = history.parse_input(fields, known)
            self.assertEqual(found.items, [Message(role="assistant", parts=(TextPart("a"),), id="msg_1")])
            self.assertEqual(found.own, [message])
            self.assertEqual(history.parse_references(fields), ("msg_1",))

    def test_an_output_may_answer_a_referenced_call(self) -> None:
        known = LoadedHistory((), items={"fc_1": StoredItem("fc_1", encode(CALL))})
        output = {"type": "function_call_output", "call_id": "call_1", "output": "b"}
        found = history.parse_input(Fields({"input": [{"id": "fc_1"}, output]}), known)
        self.assertEqual(len(found.items), 2)

    def test_a_reference_to_nothing_is_not_found(self) -> None:
        for id, shown in (("msg_2", "msg_2"), ("m" * 200, "m" * 128)):
            fault = refused([{"type": "item_reference", "id": id}])
            self.assertEqual((fault.kind, fault.status, fault.param), ("item_not_found", 404, "input"))
            self.assertEqual(fault.message, f"Item with id '{shown}' not found.")
        self.assertEqual(refused([{"type": "item_reference"}]).param, "input[0].id")

    def test_references_are_listed_once(self) -> None:
        said = [{"id": "a"}, {"role": "user", "content": "x", "id": "b"}, {"id": "c"}, {"id": "a"}]
        self.assertEqual(history.parse_references(Fields({"input": said})), ("a", "c"))
        self.assertEqual(history.parse_references(Fields({"input": "a"})), ())


class OwnItemsTests(SynchronousTestCase):
    """The part of an input that is stored."""

    def test_a_string_is_kept_as_a_user_message(self) -> None:
        text = [{"type": "input_text", "text": "hi"}]
        self.assertEqual(read("hi").own, [{"type": "message", "role": "user", "content": text}])

    def test_items_are_kept_as_they_came_known_or_not(self) -> None:
        said = [{"role": "user", "content": "a", "x": 1}, {"type": "web_search_call", "id": "ws_1"}]
        self.assertEqual(read(said, CALL).own, said)
