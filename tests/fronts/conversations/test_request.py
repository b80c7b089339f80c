"""codexd.fronts.conversations.request: bodies to what is kept of them."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import conversations
from codexd.fronts.exchange import Terms
from codexd.neutral.fault import Fault, Refused
from codexd.neutral.kept import KeptConversation, KeptItem
from codexd.wire.json import Json, decode, encode
from tests.support.responses_state import bodies, kept_item

TERMS = Terms("someone")
HELLO = {"role": "user", "content": "hello"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}


def create(terms: Terms = TERMS, **body: Any) -> tuple[KeptConversation, tuple[KeptItem, ...]]:
    """Make a conversation."""
    return conversations.create(encode(body), terms, "5eed", 1700000000)


def add(*before: KeptItem, **body: Any) -> list[Json]:
    """Add items to a conversation that holds some."""
    return bodies(conversations.add(encode(body), TERMS, "5eed", before))


class CreateTests(SynchronousTestCase):
    """A new conversation."""

    def test_nothing_need_be_said(self) -> None:
        for body in ({}, {"items": None, "metadata": None}):
            made, items = create(**body)
            self.assertEqual((made.id, made.owner, made.created), ("conv_5eed", "someone", 1700000000))
            shown = {
                "id": "conv_5eed",
                "object": "conversation",
                "created_at": 1700000000,
                "metadata": {},
            }
            self.assertEqual((decode(made.body), items), (shown, ()))

    def test_it_has_metadata_and_first_items(self) -> None:
        made, items = create(metadata={"a": "b"}, items=[HELLO, CALL, OUTPUT])
        self.assertEqual(decode(made.body)["metadata"], {"a": "b"})
        self.assertEqual(
            [one["id"] for one in bodies(items)], ["msg_5eed0000", "fc_5eed0001", "fco_5eed0002"]
        )
        self.assertEqual({one["status"] for one in bodies(items)}, {"completed"})


class UpdateTests(SynchronousTestCase):
    """Other metadata."""

    def test_metadata_takes_the_place_of_what_was_there(self) -> None:
        made, _ = create(metadata={"a": "b"})
        for said, shown in (({"c": "d"}, {"c": "d"}), (None, {})):
            updated = conversations.update(encode({"metadata": said}), made)
            self.assertEqual(decode(updated.body), decode(made.body) | {"metadata": shown})
            self.assertEqual((updated.id, updated.owner), (made.id, made.owner))


class AddTests(SynchronousTestCase):
    """More items."""

    def test_items_are_added_as_they_will_be_shown(self) -> None:
        shown = {
            "id": "msg_5eed0000",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_text", "text": "hello"}],
        }
        self.assertEqual(add(items=[HELLO]), [shown])

    def test_a_tools_output_may_answer_a_call_that_is_there_already(self) -> None:
        self.assertEqual(len(add(kept_item(id="fc_1", **CALL), items=[OUTPUT])), 1)

    def test_an_id_that_is_there_already_is_given_once(self) -> None:
        before = kept_item(id="msg_1", type="message", **HELLO)
        ids = [one["id"] for one in add(before, items=[HELLO | {"id": "msg_1"}, HELLO | {"id": "msg_2"}])]
        self.assertEqual(ids, ["msg_5eed0000", "msg_2"])

    def test_tool_messages_are_kept_in_openais_words_where_the_mode_is_on(self) -> None:
        said = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
        _, items = create(Terms("someone", frozenset({"tool-messages"})), items=[CALL, said])
        self.assertEqual(bodies(items)[1]["type"], "function_call_output")


class RefusalTests(SynchronousTestCase):
    """A bad body is a 400 that names the field."""

    table: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("wrong_type", "items", {"items": "hello"}),
        ("wrong_value", "items", {"items": [HELLO] * 21}),
        ("wrong_type", "items[1]", {"items": [HELLO, "hello"]}),
        ("missing", "items[0].role", {"items": [{"content": "hello"}]}),
        ("wrong_value", "items[0].role", {"items": [{"role": "tool", "content": "hello"}]}),
        ("orphan_tool_output", "items[0].call_id", {"items": [OUTPUT, CALL]}),
        ("unsupported", "items[1]", {"items": [HELLO, {"type": "item_reference", "id": "msg_1"}]}),
        ("unsupported", "items[0]", {"items": [{"id": "msg_1"}]}),
    )
    labels: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("wrong_value", "metadata", {"metadata": {str(number): "" for number in range(17)}}),
        ("wrong_value", "metadata", {"metadata": {"k": "v" * 513}}),
        ("wrong_type", "metadata", {"metadata": {"k": 5}}),
    )

    def refused(self, read: Any) -> Fault:
        with self.assertRaises(Refused) as caught:
            read()
        return caught.exception.fault

    def test_every_complaint_names_its_field(self) -> None:
        for kind, param, body in (*self.table, *self.labels):
            wrong = self.refused(lambda body=body: create(**body))
            self.assertEqual((wrong.kind, wrong.param, wrong.status), (kind, param, 400))
        for kind, param, body in self.table:
            wrong = self.refused(lambda body=body: add(**body))
            self.assertEqual((wrong.kind, wrong.param), (kind, param))

    def test_twenty_items_are_not_too_many(self) -> None:
        self.assertEqual(len(add(items=[HELLO] * 20)), 20)

    def test_what_has_to_be_there(self) -> None:
        made, _ = create()
        self.assertEqual(self.refused(lambda: conversations.update(b"{}", made)).param, "metadata")
        self.assertEqual(self.refused(add).param, "items")

    def test_what_is_no_json_object_is_refused(self) -> None:
        self.assertEqual(
            self.refused(lambda: conversations.add(b"{", TERMS, "5eed", ())).kind, "malformed_json"
        )
