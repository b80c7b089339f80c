"""codexd.fronts.conversations.answer: conversations as they are shown."""

from typing import Any

from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItem
from pydantic import TypeAdapter
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import conversations
from codexd.fronts.exchange import Terms
from codexd.wire.json import decode, encode
from tests.support.responses_state import kept_item

ITEMS: TypeAdapter[Any] = TypeAdapter(ConversationItem)


class AnswerTests(SynchronousTestCase):
    """The shapes are OpenAI's."""

    def test_a_conversation(self) -> None:
        made, _ = conversations.create(b'{"metadata":{"a":"b"}}', Terms("someone"), "5eed", 1700000000)
        shown = Conversation.model_validate_json(conversations.shown(made), strict=True)
        self.assertEqual((shown.id, shown.created_at, shown.metadata), ("conv_5eed", 1700000000, {"a": "b"}))

    def test_a_deleted_one(self) -> None:
        shown = decode(conversations.deleted("conv_1"))
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
        _, items = conversations.create(encode({"items": said}), Terms("someone"), "5eed", 0)
        shown = [conversations.item(one) for one in items]
        types = [ITEMS.validate_json(one, strict=True).type for one in shown]
        self.assertEqual(types, [one.get("type", "message") for one in said])

    def test_seals_are_shown_only_where_they_are_asked_for(self) -> None:
        sealed = kept_item(id="rs_1", type="reasoning", summary=[], encrypted_content="sealed")
        self.assertNotIn(b"sealed", conversations.item(sealed))
        self.assertIn(b"sealed", conversations.item(sealed, ["reasoning.encrypted_content"]))

    def test_what_is_not_there(self) -> None:
        wrong = conversations.unknown("conv_1")
        self.assertEqual((wrong.status, wrong.message), (404, "Conversation with id 'conv_1' not found."))
        wrong = conversations.unknown_item("msg_1")
        self.assertEqual((wrong.status, wrong.message), (404, "Item with id 'msg_1' not found."))
