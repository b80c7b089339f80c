"""codexd.fronts.responses.state: what a request says of what is kept."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.responses.state import REFERENCES, State
from codexd.neutral.kept import Recalled, Wanted
from codexd.wire.json import encode
from tests.support.responses_requests import SOMEONE, fault_of
from tests.support.responses_state import go_on, kept_item, refusal


def draft(**fields: Any) -> responses.ResponsesDraft:
    """Read a request that has a model and an input, and these fields, as far as it stands alone."""
    return responses.read(encode({"model": "m", "input": "hi", **fields}), SOMEONE)


def reference(id: str) -> dict[str, str]:
    """Refer to an item."""
    return {"type": "item_reference", "id": id}


class ReadingTests(SynchronousTestCase):
    """What is asked of state."""

    def test_nothing_said_is_kept_and_goes_on_from_nothing(self) -> None:
        self.assertEqual(draft().state, State(store=True, background=False))
        self.assertEqual(draft().wanted, Wanted("someone"))
        self.assertTrue(draft().wanted.nothing)
        self.assertFalse(draft(store=False).state.store)
        self.assertTrue(draft(background=True).state.background)

    def test_what_it_goes_on_from_is_named(self) -> None:
        self.assertEqual(draft(previous_response_id="resp_1").wanted, Wanted("someone", "resp_1"))
        for said in ("conv_1", {"id": "conv_1"}):
            self.assertEqual(draft(conversation=said).wanted, Wanted("someone", None, "conv_1"))
        said = [reference("msg_1"), {"role": "user", "content": "hi"}, {"id": "rs_1"}, reference("msg_1")]
        self.assertEqual(draft(input=said).wanted, Wanted("someone", references=("msg_1", "rs_1")))

    def test_references_have_a_limit(self) -> None:
        many = [reference(f"msg_{number}") for number in range(REFERENCES + 1)]
        self.assertEqual(len(draft(input=many[1:]).wanted.references), REFERENCES)
        wrong = fault_of({"model": "m", "input": many})
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

    def test_every_complaint_names_its_field(self) -> None:
        for kind, param, fields in self.table:
            wrong = fault_of({"model": "m", "input": "hi", **fields})
            self.assertEqual((wrong.kind, wrong.param, wrong.status), (kind, param, 400), fields)

    def test_input_may_be_left_out_where_something_comes_before_it(self) -> None:
        before = Recalled((kept_item(id="msg_1", type="message", role="user", content="hi"),))
        for fields in ({"previous_response_id": "resp_1"}, {"conversation": "conv_1"}):
            self.assertEqual(len(go_on(before, input=None, **fields).turn.items), 1)


class FoundTests(SynchronousTestCase):
    """What was found is held against what was wanted; the messages are OpenAI's."""

    def test_a_response_that_is_not_there(self) -> None:
        wrong = refusal(Recalled(None), previous_response_id="resp_1")
        self.assertEqual((wrong.status, wrong.code), (400, "previous_response_not_found"))
        self.assertEqual(wrong.message, "Previous response with id 'resp_1' not found.")
        self.assertEqual(wrong.param, "previous_response_id")

    def test_a_response_that_is_not_finished(self) -> None:
        for standing in ("queued", "running"):
            wrong = refusal(Recalled((), standing), previous_response_id="resp_1")
            self.assertEqual((wrong.kind, wrong.status), ("response_running", 400))
            self.assertEqual(wrong.param, "previous_response_id")

    def test_a_conversation_that_is_not_there(self) -> None:
        wrong = refusal(Recalled(None), conversation="conv_1")
        self.assertEqual((wrong.status, wrong.param), (404, "conversation"))
        self.assertEqual(wrong.message, "Conversation with id 'conv_1' not found.")

    def test_an_item_that_is_not_there(self) -> None:
        wrong = refusal(Recalled(), input=[reference("msg_1")])
        self.assertEqual((wrong.status, wrong.param), (404, "input"))
        self.assertEqual(wrong.message, "Item with id 'msg_1' not found.")

    def test_of_a_long_name_only_the_beginning_is_repeated(self) -> None:
        wrong = refusal(Recalled(None), previous_response_id="r" * 10**5)
        self.assertLess(len(wrong.message), 200)
