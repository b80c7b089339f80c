"""codexd.fronts.conversations.objects: response bodies of conversations."""

from typing import Any

from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItem
from pydantic import TypeAdapter
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import conversations
from codexd.fronts.dialect import RequestOptions
from codexd.wire.json import decode, encode
from tests.support.stored_responses import stored_item

MAX_ITEMS: TypeAdapter[Any] = TypeAdapter(ConversationItem)


class ObjectsTests(SynchronousTestCase):
    """The shapes are OpenAI's."""

    def test_a_conversation(self) -> None:
        made, _ = conversations.decode_new_conversation(
            b'{"metadata":{"a":"b"}}', RequestOptions(principal="someone"), "5eed", 1700000000
        )
        shown = Conversation.model_validate_json(conversations.render_conversation(made), strict=True)
        self.assertEqual((shown.id, shown.created_at, shown.metadata), ("conv_5eed", 1700000000, {"a": "b"}))

    def test_a_deletion(self) -> None:
        shown = decode(conversations.render_deleted("conv_1"))
        self.assertEqual(shown, {"id": "conv_1", "object": "conversation.deleted", "deleted": True})
        ConversationDeletedResource.model_validate(shown, strict=True)

    def test_an_item_of_each_type(self) -> None:
        image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
        said = [
            {"role": "user", "content": [image]},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hello"},
            {"type": "reasoning", "encrypted_content": "sealed"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "done"},
            {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "a"},
            {
                "type": "custom_tool_call_output",
                "call_id": "d",
                "output": [{"type": "input_text", "text": "a"}],
            },
        ]
        _, added = conversations.decode_new_conversation(
            encode({"items": said}), RequestOptions(principal="someone"), "5eed", 0
        )
        shown = [conversations.render_item(one) for one in added.items]
        types = [MAX_ITEMS.validate_json(one, strict=True).type for one in shown]
        self.assertEqual(types, [one.get("type", "message") for one in said])

    def test_encrypted_reasoning_is_shown_only_on_request(self) -> None:
        sealed = stored_item(id="rs_1", type="reasoning", summary=[], encrypted_content="sealed")
        self.assertNotIn(b"sealed", conversations.render_item(sealed))
        self.assertIn(b"sealed", conversations.render_item(sealed, ["reasoning.encrypted_content"]))

    def test_missing_objects(self) -> None:
        wrong = conversations.conversation_not_found("conv_1")
        self.assertEqual((wrong.status, wrong.message), (404, "Conversation with id 'conv_1' not found."))
        wrong = conversations.item_not_found("msg_1")
        self.assertEqual((wrong.status, wrong.message), (404, "Item with id 'msg_1' not found."))
