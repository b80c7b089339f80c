"""codexd.fronts.responses.pending_request: a body decoded in two steps."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import Message, TextPart, ToolCall, ToolResult
from codexd.wire.json import decode, encode
from tests.support.responses_requests import SOMEONE, decode_request
from tests.support.stored_responses import continue_from, refusal, stored_item

USER = stored_item(id="msg_1", type="message", role="user", content="before", status="completed")
CALL = stored_item(id="fc_1", type="function_call", call_id="call_1", name="f", arguments="{}")
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}


class CompleteTests(SynchronousTestCase):
    """The second step: with the loaded history."""

    def test_the_stored_history_precedes_the_input(self) -> None:
        asked = continue_from(LoadedHistory((USER,)), previous_response_id="resp_1").turn
        texts = [part.text for item in asked.items if isinstance(item, Message) for part in item.parts]
        self.assertEqual(texts, ["before", "hi"])

    def test_instructions_and_tools_are_not_inherited(self) -> None:
        asked = continue_from(LoadedHistory((USER, CALL)), previous_response_id="resp_1", input=[OUTPUT]).turn
        self.assertEqual((asked.instructions, asked.tools), (None, ()))

    def test_a_tool_output_answers_a_stored_call(self) -> None:
        asked = continue_from(LoadedHistory((USER, CALL)), previous_response_id="resp_1", input=[OUTPUT]).turn
        self.assertEqual(asked.items[-1], ToolResult("call_1", (TextPart("done"),)))

    def test_error_paths_count_from_the_requests_own_input(self) -> None:
        wrong = refusal(LoadedHistory((USER,)), previous_response_id="resp_1", input=[OUTPUT])
        self.assertEqual((wrong.kind, wrong.param), ("orphan_tool_output", "input[0].call_id"))

    def test_a_reference_is_replaced_by_its_item(self) -> None:
        said = [{"type": "item_reference", "id": "fc_1"}, OUTPUT]
        asked = continue_from(LoadedHistory(items={"fc_1": CALL}), input=said).turn
        self.assertEqual(asked.items[0], ToolCall(call_id="call_1", name="f", arguments="{}", id="fc_1"))

    def test_state_options_are_repeated(self) -> None:
        table: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
            ({}, {}),
            ({"store": False}, {"store": False}),
            ({"background": True}, {"background": True}),
            ({"previous_response_id": "resp_1"}, {"previous_response_id": "resp_1"}),
            ({"conversation": "conv_1"}, {"conversation": {"id": "conv_1"}}),
            ({"conversation": {"id": "conv_1"}}, {"conversation": {"id": "conv_1"}}),
        )
        plain = {"store": True, "background": False, "previous_response_id": None, "conversation": None}
        for fields, differs in table:
            shown = decode(continue_from(LoadedHistory(), **fields).echo.members)
            self.assertEqual({name: shown[name] for name in plain}, plain | differs)

    def test_only_a_stored_request_has_a_storage_encoder(self) -> None:
        self.assertIsNone(decode_request(store=False).storage)
        storage, background = decode_request().storage, decode_request(background=True).storage
        assert storage is not None
        assert background is not None
        self.assertEqual((storage.background, background.background), (False, True))


class StatelessTests(SynchronousTestCase):
    """The same body at an endpoint without a store."""

    def refused(self, **fields: Any) -> tuple[str, str | None, int]:
        with self.assertRaises(FaultError) as caught:
            responses.decode_stateless(encode({"model": "m", "input": "hi", **fields}), SOMEONE)
        wrong = caught.exception.fault
        return wrong.kind, wrong.param, wrong.status

    def test_fields_that_need_the_store_are_rejected_by_name(self) -> None:
        table: tuple[tuple[str, Any], ...] = (
            ("previous_response_id", "resp_1"),
            ("conversation", "conv_1"),
            ("background", True),
            ("input", [{"type": "item_reference", "id": "msg_1"}]),
        )
        for name, value in table:
            self.assertEqual(self.refused(**{name: value}), ("unsupported", name, 400))

    def test_other_requests_are_decoded_and_not_stored(self) -> None:
        for said, ignored in (({}, ()), ({"store": False}, ()), ({"store": True}, ("store",))):
            decoded = responses.decode_stateless(encode({"model": "m", "input": "hi", **said}), SOMEONE)
            self.assertIsNone(decoded.storage)
            self.assertEqual(decoded.turn.ignored, ignored)
            self.assertIs(decode(decoded.echo.members)["store"], False)


class CountingTests(SynchronousTestCase):
    """A body whose tokens are only counted."""

    def test_all_fields_but_the_input_are_optional(self) -> None:
        for said in ({}, {"model": None, "input": None}):
            self.assertEqual(
                responses.decode_for_counting(encode(said), SOMEONE).complete(LoadedHistory()).turn.items, ()
            )

    def test_the_history_is_counted(self) -> None:
        pending = responses.decode_for_counting(encode({"previous_response_id": "resp_1", "input": "hi"}), SOMEONE)
        self.assertEqual(pending.history_query.previous, "resp_1")
        self.assertEqual(len(pending.complete(LoadedHistory((USER,))).turn.items), 2)

    def test_the_same_errors_are_raised(self) -> None:
        with self.assertRaises(FaultError) as caught:
            responses.decode_for_counting(encode({"input": 5}), SOMEONE)
        self.assertEqual(caught.exception.fault.param, "input")
