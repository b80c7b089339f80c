"""codexd.fronts.conversations.request: request bodies to stored objects."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import conversations
from codexd.fronts.dialect import RequestOptions
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.stored import StoredConversation, StoredItem
from codexd.wire.json import Json, decode, encode
from tests.support.stored_responses import bodies, stored_item

TERMS = RequestOptions(principal="someone")
HELLO = {"role": "user", "content": "hello"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}


def create(options: RequestOptions = TERMS, **body: Any) -> tuple[StoredConversation, tuple[StoredItem, ...]]:
    """Decode a new conversation."""
    conversation, added = conversations.decode_new_conversation(encode(body), options, "5eed", 1700000000)
    return conversation, added.items


def add(*before: StoredItem, **body: Any) -> list[Json]:
    """Decode items that are added to a conversation with some."""
    return bodies(conversations.decode_new_items(encode(body), TERMS, "5eed", before).items)


class CreateTests(SynchronousTestCase):
    """New conversations."""

    def test_all_fields_are_optional(self) -> None:
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
        self.assertEqual([one["id"] for one in bodies(items)], ["msg_5eed0000", "fc_5eed0001", "fco_5eed0002"])
        self.assertEqual({one["status"] for one in bodies(items)}, {"completed"})


class UpdateTests(SynchronousTestCase):
    """Updates of the metadata."""

    def test_new_metadata_replace_the_old(self) -> None:
        made, _ = create(metadata={"a": "b"})
        for said, shown in (({"c": "d"}, {"c": "d"}), (None, {})):
            updated = conversations.decode_update(encode({"metadata": said}), made)
            self.assertEqual(decode(updated.body), decode(made.body) | {"metadata": shown})
            self.assertEqual((updated.id, updated.owner), (made.id, made.owner))


class AddTests(SynchronousTestCase):
    """Added items."""

    def test_items_are_added_as_they_will_be_shown(self) -> None:
        shown = {
            "id": "msg_5eed0000",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_text", "text": "hello"}],
        }
        self.assertEqual(add(items=[HELLO]), [shown])

    def test_a_tool_output_may_answer_an_existing_call(self) -> None:
        self.assertEqual(len(add(stored_item(id="fc_1", **CALL), items=[OUTPUT])), 1)

    def test_an_existing_id_is_not_used_again(self) -> None:
        before = stored_item(id="msg_1", type="message", **HELLO)
        ids = [one["id"] for one in add(before, items=[HELLO | {"id": "msg_1"}, HELLO | {"id": "msg_2"}])]
        self.assertEqual(ids, ["msg_5eed0000", "msg_2"])

    def test_what_no_model_will_see_is_listed(self) -> None:
        body = encode({"items": [HELLO, {"type": "mcp_call", "id": "mcp_1"}], "expires_after": 5, "metadata": None})
        _, made = conversations.decode_new_conversation(body, TERMS, "5eed", 1700000000)
        added = conversations.decode_new_items(body, TERMS, "5eed", ())
        for found in (made, added):
            self.assertEqual((len(found.items), found.ignored), (2, ("items[1] (mcp_call)", "expires_after")))

    def test_a_trigger_of_a_compaction_is_listed_and_not_stored(self) -> None:
        body = encode({"items": [HELLO, {"type": "compaction_trigger"}]})
        added = conversations.decode_new_items(body, TERMS, "5eed", ())
        self.assertEqual((len(added.items), added.ignored), (1, ("items[1] (compaction_trigger)",)))

    def test_tool_messages_are_stored_in_openais_form_in_their_mode(self) -> None:
        said = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
        _, items = create(RequestOptions(principal="someone", modes=frozenset({"tool-messages"})), items=[CALL, said])
        self.assertEqual(bodies(items)[1]["type"], "function_call_output")


class RefusalTests(SynchronousTestCase):
    """An invalid body is a 400 that names the field."""

    table: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("wrong_type", "items", {"items": "hello"}),
        ("wrong_value", "items", {"items": [HELLO] * 21}),
        ("wrong_type", "items[1]", {"items": [HELLO, "hello"]}),
        ("missing", "items[0].role", {"items": [{"content": "hello"}]}),
        ("wrong_value", "items[0].role", {"items": [{"role": "tool", "content": "hello"}]}),
        ("orphan_tool_output", "items[0].call_id", {"items": [OUTPUT, CALL]}),
        ("unsupported", "items[1]", {"items": [HELLO, {"type": "item_reference", "id": "msg_1"}]}),
        ("unsupported", "items[0]", {"items": [{"id": "msg_1"}]}),
        ("wrong_value", "items[1].type", {"items": [HELLO, {"type": "banana"}]}),
    )
    labels: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("wrong_value", "metadata", {"metadata": {str(number): "" for number in range(17)}}),
        ("wrong_value", "metadata", {"metadata": {"k": "v" * 513}}),
        ("wrong_type", "metadata", {"metadata": {"k": 5}}),
    )

    def refused(self, read: Any) -> Fault:
        with self.assertRaises(FaultError) as caught:
            read()
        return caught.exception.fault

    def test_every_error_names_its_field(self) -> None:
        for kind, param, body in (*self.table, *self.labels):
            wrong = self.refused(lambda body=body: create(**body))
            self.assertEqual((wrong.kind, wrong.param, wrong.status), (kind, param, 400))
        for kind, param, body in self.table:
            wrong = self.refused(lambda body=body: add(**body))
            self.assertEqual((wrong.kind, wrong.param), (kind, param))

    def test_twenty_items_are_not_too_many(self) -> None:
        self.assertEqual(len(add(items=[HELLO] * 20)), 20)

    def test_required_fields(self) -> None:
        made, _ = create()
        self.assertEqual(self.refused(lambda: conversations.decode_update(b"{}", made)).param, "metadata")
        self.assertEqual(self.refused(add).param, "items")

    def test_a_body_that_is_not_a_json_object_is_rejected(self) -> None:
        self.assertEqual(
            self.refused(lambda: conversations.decode_new_items(b"{", TERMS, "5eed", ())).kind,
            "malformed_json",
        )
