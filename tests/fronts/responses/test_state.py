"""codexd.fronts.responses.state: the state options of a request."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.responses.state import MAX_REFERENCES, StateOptions
from codexd.neutral.stored import HistoryQuery, LoadedHistory
from codexd.wire.json import encode
from tests.support.responses_requests import SOMEONE, decode_fault
from tests.support.stored_responses import continue_from, refusal, stored_item


def pending(**fields: Any) -> responses.PendingResponsesRequest:
    """Decode a request with a model, an input and these fields, up to its history."""
    return responses.decode_pending(encode({"model": "m", "input": "hi", **fields}), SOMEONE)


def reference(id: str) -> dict[str, str]:
    """Build an item reference."""
    return {"type": "item_reference", "id": id}


class ParseStateTests(SynchronousTestCase):
    """Parsing of the state options."""

    def test_the_default_is_a_stored_response_without_history(self) -> None:
        self.assertEqual(pending().state, StateOptions(store=True, background=False))
        self.assertEqual(pending().history_query, HistoryQuery("someone"))
        self.assertTrue(pending().history_query.is_empty)
        self.assertFalse(pending(store=False).state.store)
        self.assertTrue(pending(background=True).state.background)

    def test_the_history_query_names_what_it_continues(self) -> None:
        self.assertEqual(pending(previous_response_id="resp_1").history_query, HistoryQuery("someone", "resp_1"))
        for said in ("conv_1", {"id": "conv_1"}):
            self.assertEqual(pending(conversation=said).history_query, HistoryQuery("someone", None, "conv_1"))
        said = [reference("msg_1"), {"role": "user", "content": "hi"}, {"id": "rs_1"}, reference("msg_1")]
        self.assertEqual(pending(input=said).history_query, HistoryQuery("someone", references=("msg_1", "rs_1")))

    def test_references_have_a_limit(self) -> None:
        many = [reference(f"msg_{number}") for number in range(MAX_REFERENCES + 1)]
        self.assertEqual(len(pending(input=many[1:]).history_query.references), MAX_REFERENCES)
        wrong = decode_fault({"model": "m", "input": many})
        self.assertEqual((wrong.kind, wrong.param, wrong.status), ("wrong_value", "input", 400))

    table = (
        ("wrong_value", "conversation", {"previous_response_id": "resp_1", "conversation": "conv_1"}),
        ("wrong_value", "background", {"background": True, "store": False}),
        ("wrong_value", "store", {"conversation": "conv_1", "store": False}),
        ("wrong_value", "previous_response_id", {"previous_response_id": ""}),
        ("wrong_type", "previous_response_id", {"previous_response_id": 5}),
        ("wrong_type", "conversation", {"conversation": 5}),
        ("missing", "conversation.id", {"conversation": {}}),
        ("wrong_type", "conversation.id", {"conversation": {"id": 5}}),
        ("wrong_type", "store", {"store": "yes"}),
        ("wrong_type", "background", {"background": "yes"}),
        ("unsupported", "prompt", {"prompt": {"id": "p"}}),
        ("missing", "input[0].id", {"input": [{"type": "item_reference"}]}),
        ("wrong_type", "input[0].id", {"input": [{"type": "item_reference", "id": 5}]}),
        ("missing", "input", {"input": None}),
    )

    def test_every_error_names_its_field(self) -> None:
        for kind, param, fields in self.table:
            wrong = decode_fault({"model": "m", "input": "hi", **fields})
            self.assertEqual((wrong.kind, wrong.param, wrong.status), (kind, param, 400), fields)

    def test_input_is_optional_after_a_history(self) -> None:
        before = LoadedHistory((stored_item(id="msg_1", type="message", role="user", content="hi"),))
        for fields in ({"previous_response_id": "resp_1"}, {"conversation": "conv_1"}):
            self.assertEqual(len(continue_from(before, input=None, **fields).turn.items), 1)


class CheckHistoryTests(SynchronousTestCase):
    """The loaded history is checked against the query; the messages are OpenAI's."""

    def test_an_unknown_response(self) -> None:
        wrong = refusal(LoadedHistory(None), previous_response_id="resp_1")
        self.assertEqual((wrong.status, wrong.code), (400, "previous_response_not_found"))
        self.assertEqual(wrong.message, "Previous response with id 'resp_1' not found.")
        self.assertEqual(wrong.param, "previous_response_id")

    def test_an_unfinished_response(self) -> None:
        for state in ("queued", "running"):
            wrong = refusal(LoadedHistory((), state), previous_response_id="resp_1")
            self.assertEqual((wrong.kind, wrong.status), ("response_running", 400))
            self.assertEqual(wrong.param, "previous_response_id")

    def test_an_unknown_conversation(self) -> None:
        wrong = refusal(LoadedHistory(None), conversation="conv_1")
        self.assertEqual((wrong.status, wrong.param), (404, "conversation"))
        self.assertEqual(wrong.message, "Conversation with id 'conv_1' not found.")

    def test_an_unknown_item(self) -> None:
        wrong = refusal(LoadedHistory(), input=[reference("msg_1")])
        self.assertEqual((wrong.status, wrong.param), (404, "input"))
        self.assertEqual(wrong.message, "Item with id 'msg_1' not found.")

    def test_only_the_beginning_of_a_long_name_is_echoed(self) -> None:
        wrong = refusal(LoadedHistory(None), previous_response_id="r" * 10**5)
        self.assertLess(len(wrong.message), 200)
