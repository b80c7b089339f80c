"""Conversations with the `openai` package, and the separation of API keys."""

from collections.abc import Callable
from typing import Any

import openai

from codexd.wire.json import Json
from tests.support.live_responses import NOTE, OTHER, StoredResponsesTestCase, plain, result


def user(text: str) -> Json:
    """Build a user message item."""
    return {"type": "message", "role": "user", "content": text}


class ConversationsTests(StoredResponsesTestCase):
    @property
    def conversations(self) -> Any:
        return self.client.conversations

    def items(self, id: str, **more: Any) -> list[Any]:
        """Return all items, oldest first."""
        return list(self.conversations.items.list(id, order="asc", **more))

    def texts(self, id: str) -> list[str]:
        return [item.content[0].text for item in self.items(id)]

    def test_responses_use_its_items_and_append_to_it(self) -> None:
        made = self.conversations.create(items=[user("say: hi")], metadata={"a": "b"})
        first = self.ask("say: one", conversation=made.id)
        second = self.ask("say: two", conversation={"id": made.id})
        self.assertEqual((first.conversation.id, second.conversation.id), (made.id, made.id))
        said = ["say: hi", "say: one", "one", "say: two"]
        self.assertEqual([text for _, text in self.shown], said)
        self.assertEqual(self.texts(made.id), [*said, "two"])
        self.assertEqual(plain(self.items(made.id))[-1]["id"], second.output[0].id)

    def test_its_items_are_listed_retrieved_added_and_removed(self) -> None:
        items, made = self.conversations.items, self.conversations.create()
        self.assertEqual(self.items(made.id), [])
        added = items.create(made.id, items=[user(f"say: {number}") for number in range(5)])
        ids = [item.id for item in added.data]
        self.assertEqual((added.first_id, added.last_id, added.has_more), (ids[0], ids[-1], False))
        self.assertEqual([item.id for item in items.list(made.id, limit=2)], ids[::-1])
        self.assertEqual([item.id for item in self.items(made.id, after=ids[1])], ids[2:])
        self.assertEqual(items.retrieve(ids[3], conversation_id=made.id), added.data[3])
        left = items.delete(ids[3], conversation_id=made.id)
        self.assertEqual(left.id, made.id)
        for ask in (items.retrieve, items.delete):
            self.refused(openai.NotFoundError, ask, ids[3], conversation_id=made.id)
        self.ask("say: on", conversation=made.id)
        self.assertEqual([text for _, text in self.shown], [f"say: {n}" for n in (0, 1, 2, 4)] + ["say: on"])

    def test_it_is_retrieved_changed_and_deleted_and_its_responses_stay(self) -> None:
        made = self.conversations.create(metadata={"a": "b"})
        answer = self.ask("say: one", conversation=made.id)
        self.assertEqual(self.conversations.retrieve(made.id), made)
        changed = self.conversations.update(made.id, metadata={"c": "d"})
        self.assertEqual((changed.metadata, changed.created_at), ({"c": "d"}, made.created_at))
        self.assertEqual(self.conversations.retrieve(made.id), changed)
        self.assertTrue(self.conversations.delete(made.id).deleted)
        for ask in (self.conversations.retrieve, self.conversations.delete, self.conversations.items.list):
            error = self.refused(openai.NotFoundError, ask, made.id)
            self.assertIn(made.id, error["message"])
        self.refused(openai.NotFoundError, self.ask, "say: no", conversation=made.id)
        self.assertEqual(self.client.responses.retrieve(answer.id).to_dict(), answer.to_dict())
        self.assertEqual(self.continue_response(answer, "say: two").output_text, "two")
        self.assertEqual([text for _, text in self.shown], ["say: one", "one", "say: two"])

    def test_calls_and_their_results_are_in_it(self) -> None:
        made = self.conversations.create()
        called = self.ask('call: note {"x":1}\nthen: say: noted', conversation=made.id, tools=[NOTE])
        answer = self.ask([result(called.output[0], "done")], conversation=made.id)
        self.assertEqual(answer.output_text, "noted")
        kinds = [item.type for item in self.items(made.id)]
        self.assertEqual(kinds, ["message", "function_call", "function_call_output", "message"])

    def test_one_of_its_responses_can_be_continued_outside_of_it(self) -> None:
        made = self.conversations.create()
        first = self.ask("say: one", conversation=made.id)
        self.ask("say: two", conversation=made.id)
        self.continue_response(first, "say: aside")
        self.assertEqual([text for _, text in self.shown], ["say: one", "one", "say: aside"])
        self.assertEqual(self.texts(made.id), ["say: one", "one", "say: two", "two"])

    def test_streamed_and_background_responses_are_in_it_once(self) -> None:
        made = self.conversations.create()
        with self.client.responses.stream(
            model=self.daemon.model, input="say: streamed", conversation=made.id
        ) as stream:
            stream.until_done()
        with self.ask("say: behind", conversation=made.id, background=True, stream=True) as stream:
            list(stream)
        self.assertEqual(self.texts(made.id), ["say: streamed", "streamed", "say: behind", "behind"])

    def test_it_excludes_previous_response_id_and_store_false(self) -> None:
        made = self.conversations.create()
        for more in ({"previous_response_id": "resp_1"}, {"store": False}):
            self.refused(openai.BadRequestError, self.ask, "hi", conversation=made.id, **more)


class OtherKeyTests(StoredResponsesTestCase):
    def test_objects_of_another_key_get_404(self) -> None:
        mine, other = self.client, self.daemon.client(OTHER)
        answer = self.ask("say: mine")
        running = self.ask("hang:", background=True)
        self.addCleanup(mine.responses.cancel, running.id)
        made = mine.conversations.create(items=[user("say: mine")])
        (item,) = mine.conversations.items.list(made.id)
        responses, conversations = other.responses, other.conversations
        asks: tuple[tuple[Callable[..., Any], Json], ...] = (
            *((ask, {"response_id": answer.id}) for ask in (responses.retrieve, responses.delete)),
            *((ask, {"response_id": running.id}) for ask in (responses.retrieve, responses.cancel)),
            (responses.delete, {"response_id": running.id}),
            (responses.input_items.list, {"response_id": answer.id}),
            *((ask, {"conversation_id": made.id}) for ask in (conversations.retrieve, conversations.delete)),
            (conversations.update, {"conversation_id": made.id, "metadata": {}}),
            (conversations.items.list, {"conversation_id": made.id}),
            (conversations.items.create, {"conversation_id": made.id, "items": [user("x")]}),
            (conversations.items.retrieve, {"item_id": item.id, "conversation_id": made.id}),
            (conversations.items.delete, {"item_id": item.id, "conversation_id": made.id}),
            (self.ask_as, {"key": OTHER, "said": "hi", "conversation": made.id}),
            (self.ask_as, {"key": OTHER, "said": [{"type": "item_reference", "id": answer.output[0].id}]}),
        )
        for ask, named in asks:
            self.refused(openai.NotFoundError, ask, **named)
        error = self.refused(openai.BadRequestError, self.ask_as, OTHER, "hi", previous_response_id=answer.id)
        self.assertEqual(error["code"], "previous_response_not_found")
        self.refused(openai.NotFoundError, responses.retrieve, running.id, stream=True)
        # Nothing has changed.
        self.assertEqual(mine.responses.retrieve(answer.id).to_dict(), answer.to_dict())
        self.assertIn(mine.responses.retrieve(running.id).status, ("queued", "in_progress"))
        self.assertEqual(mine.conversations.retrieve(made.id), made)
        self.assertEqual(list(mine.conversations.items.list(made.id)), [item])

    def ask_as(self, key: str, said: Any, **more: Any) -> Any:
        return self.daemon.client(key).responses.create(model=self.daemon.model, input=said, **more)
