"""codexd.fronts.responses.draft: a body read in two steps."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.neutral.fault import Refused
from codexd.neutral.kept import Recalled
from codexd.neutral.turn import Message, TextPart, ToolCall, ToolResult
from codexd.wire.json import decode, encode
from tests.support.responses_requests import SOMEONE, ask
from tests.support.responses_state import go_on, kept_item, refusal

USER = kept_item(id="msg_1", type="message", role="user", content="before", status="completed")
CALL = kept_item(id="fc_1", type="function_call", call_id="call_1", name="f", arguments="{}")
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}


class CompleteTests(SynchronousTestCase):
    """The second step: with what it goes on from."""

    def test_what_was_kept_comes_before_what_is_new(self) -> None:
        asked = go_on(Recalled((USER,)), previous_response_id="resp_1").turn
        texts = [part.text for item in asked.items if isinstance(item, Message) for part in item.parts]
        self.assertEqual(texts, ["before", "hi"])

    def test_instructions_and_tools_are_not_inherited(self) -> None:
        asked = go_on(Recalled((USER, CALL)), previous_response_id="resp_1", input=[OUTPUT]).turn
        self.assertEqual((asked.instructions, asked.tools), (None, ()))

    def test_a_tools_output_answers_a_call_that_was_kept(self) -> None:
        asked = go_on(Recalled((USER, CALL)), previous_response_id="resp_1", input=[OUTPUT]).turn
        self.assertEqual(asked.items[-1], ToolResult("call_1", (TextPart("done"),)))

    def test_a_complaint_about_the_input_counts_from_the_request(self) -> None:
        wrong = refusal(Recalled((USER,)), previous_response_id="resp_1", input=[OUTPUT])
        self.assertEqual((wrong.kind, wrong.param), ("orphan_tool_output", "input[0].call_id"))

    def test_a_reference_stands_for_its_item(self) -> None:
        said = [{"type": "item_reference", "id": "fc_1"}, OUTPUT]
        asked = go_on(Recalled(items={"fc_1": CALL}), input=said).turn
        self.assertEqual(asked.items[0], ToolCall("call_1", "f", "{}", id="fc_1"))

    def test_state_is_repeated_as_it_was_asked(self) -> None:
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
            shown = decode(go_on(Recalled(), **fields).echo.members)
            self.assertEqual({name: shown[name] for name in plain}, plain | differs)

    def test_only_what_is_to_be_kept_can_be_kept(self) -> None:
        self.assertIsNone(ask(store=False).keeping)
        keeping, background = ask().keeping, ask(background=True).keeping
        assert keeping is not None
        assert background is not None
        self.assertEqual((keeping.background, background.background), (False, True))


class NothingKeptTests(SynchronousTestCase):
    """The same body at a door behind which nothing is kept."""

    def refused(self, **fields: Any) -> tuple[str, str | None, int]:
        with self.assertRaises(Refused) as caught:
            responses.decode(encode({"model": "m", "input": "hi", **fields}), SOMEONE)
        wrong = caught.exception.fault
        return wrong.kind, wrong.param, wrong.status

    def test_whatever_needs_something_kept_is_refused_by_name(self) -> None:
        table: tuple[tuple[str, Any], ...] = (
            ("previous_response_id", "resp_1"),
            ("conversation", "conv_1"),
            ("background", True),
            ("input", [{"type": "item_reference", "id": "msg_1"}]),
        )
        for name, value in table:
            self.assertEqual(self.refused(**{name: value}), ("unsupported", name, 400))

    def test_anything_else_is_read_and_nothing_is_kept(self) -> None:
        for said, ignored in (({}, ()), ({"store": False}, ()), ({"store": True}, ("store",))):
            exchange = responses.decode(encode({"model": "m", "input": "hi", **said}), SOMEONE)
            self.assertIsNone(exchange.keeping)
            self.assertEqual(exchange.turn.ignored, ignored)
            self.assertIs(decode(exchange.echo.members)["store"], False)


class MeasuredTests(SynchronousTestCase):
    """A body that is only to be counted."""

    def test_it_may_leave_out_what_is_not_its_input(self) -> None:
        for said in ({}, {"model": None, "input": None}):
            self.assertEqual(responses.measured(encode(said), SOMEONE).complete(Recalled()).turn.items, ())

    def test_it_counts_with_what_it_goes_on_from(self) -> None:
        draft = responses.measured(encode({"previous_response_id": "resp_1", "input": "hi"}), SOMEONE)
        self.assertEqual(draft.wanted.previous, "resp_1")
        self.assertEqual(len(draft.complete(Recalled((USER,))).turn.items), 2)

    def test_it_is_held_to_the_same_rules(self) -> None:
        with self.assertRaises(Refused) as caught:
            responses.measured(encode({"input": 5}), SOMEONE)
        self.assertEqual(caught.exception.fault.param, "input")
