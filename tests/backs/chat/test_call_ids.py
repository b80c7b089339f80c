"""Tests of codexd.backs.chat.call_ids."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.call_ids import shorten_call_id
from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.messages import encode_messages
from codexd.backs.chat.tool_names import ToolNames
from codexd.neutral.turn import ToolCall, ToolResult, Turn


class CallIdTests(SynchronousTestCase):
    def test_a_valid_id_is_unchanged(self) -> None:
        self.assertEqual(shorten_call_id("aB3456789"), "aB3456789")

    @given(st.lists(st.text(max_size=80), unique=True, max_size=20))
    def test_ids_become_nine_letters_and_digits_and_stay_different(self, ids: list[str]) -> None:
        short = [shorten_call_id(id) for id in ids]
        self.assertEqual(len(set(short)), len(ids))
        for one in short:
            self.assertRegex(one, r"\A[A-Za-z0-9]{9}\Z")
            self.assertEqual(shorten_call_id(one), one)

    def test_a_call_and_its_result_have_the_same_id(self) -> None:
        items = (ToolCall(call_id="call_1", name="f", arguments="{}"), ToolResult("call_1", ()))
        call, result = encode_messages(
            Turn(model="m", items=items), ToolNames(), ServerCapabilities(short_call_ids=True)
        )
        self.assertEqual(call["tool_calls"][0]["id"], result["tool_call_id"])
        self.assertEqual(len(result["tool_call_id"]), 9)
