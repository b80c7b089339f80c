"""Conversations by the real `openai` package, and that what one key keeps is not there for another."""

from collections.abc import Callable
from typing import Any

import openai

from codexd.wire.json import Json
from tests.support.live_state import NOTE, OTHER, StateTestCase, plain, result


def user(text: str) -> Json:
    """Make an item."""
    return {"type": "message", "role": "user", "content": text}


class ConversationsTests(StateTestCase):
    @property
    def conversations(self) -> Any:
        return self.client.conversations

    def items(self, id: str, **more: Any) -> list[Any]:
        """List all items, oldest first."""
        return list(self.conversations.items.list(id, order="asc", **more))

    def texts(self, id: str) -> list[str]:
        return [item.content[0].text for item in self.items(id)]

    def test_responses_are_given_in_it_and_put_at_its_end(self) -> None:
        made = self.conversations.create(items=[user("say: hi")], metadata={"a": "b"})
        first = self.ask("say: one", conversation=made.id)
        second = self.ask("say: two", conversation={"id": made.id})
        self.assertEqual((first.conversation.id, second.conversation.id), (made.id, made.id))
        said = ["say: hi", "say: one", "one", "say: two"]
        self.assertEqual([text for _, text in self.shown], said)
        self.assertEqual(self.texts(made.id), [*said, "two"])
        self.assertEqual(plain(self.items(made.id))[-1]["id"], second.output[0].id)

    def test_its_items_are_listed_in_pages_shown_added_and_taken_out(self) -> None:
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

    def test_it_is_shown_changed_and_deleted_and_its_responses_stay(self) -> None:
        made = self.conversations.create(metadata={"a": "b"})
        told = self.ask("say: one", conversation=made.id)
        self.assertEqual(self.conversations.retrieve(made.id), made)
        changed = self.conversations.update(made.id, metadata={"c": "d"})
        self.assertEqual((changed.metadata, changed.created_at), ({"c": "d"}, made.created_at))
        self.assertEqual(self.conversations.retrieve(made.id), changed)
        self.assertTrue(self.conversations.delete(made.id).deleted)
        for ask in (self.conversations.retrieve, self.conversations.delete, self.conversations.items.list):
            error = self.refused(openai.NotFoundError, ask, made.id)
            self.assertIn(made.id, error["message"])
        self.refused(openai.NotFoundError, self.ask, "say: no", conversation=made.id)
        self.assertEqual(self.client.responses.retrieve(told.id).to_dict(), told.to_dict())
        self.assertEqual(self.go_on(told, "say: two").output_text, "two")
        self.assertEqual([text for _, text in self.shown], ["say: one", "one", "say: two"])

    def test_calls_and_their_results_are_in_it(self) -> None:
        made = self.conversations.create()
        called = self.ask('call: note {"x":1}\nthen: say: noted', conversation=made.id, tools=[NOTE])
        told = self.ask([result(called.output[0], "done")], conversation=made.id)
        self.assertEqual(told.output_text, "noted")
        kinds = [item.type for item in self.items(made.id)]
        self.assertEqual(kinds, ["message", "function_call", "function_call_output", "message"])

    def test_one_of_its_responses_is_gone_on_from_outside_of_it(self) -> None:
        made = self.conversations.create()
        first = self.ask("say: one", conversation=made.id)
        self.ask("say: two", conversation=made.id)
        self.go_on(first, "say: aside")
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

    def test_it_cannot_stand_beside_a_previous_response_and_needs_to_keep(self) -> None:
        made = self.conversations.create()
        for more in ({"previous_response_id": "resp_1"}, {"store": False}):
            self.refused(openai.BadRequestError, self.ask, "hi", conversation=made.id, **more)


class OtherKeyTests(StateTestCase):
    def test_what_is_another_key_s_is_not_there(self) -> None:
        mine, other = self.client, self.daemon.client(OTHER)
        told = self.ask("say: mine")
        running = self.ask("hang:", background=True)
        self.addCleanup(mine.responses.cancel, running.id)
        made = mine.conversations.create(items=[user("say: mine")])
        (item,) = mine.conversations.items.list(made.id)
        responses, conversations = other.responses, other.conversations
        asks: tuple[tuple[Callable[..., Any], Json], ...] = (
            *((ask, {"response_id": told.id}) for ask in (responses.retrieve, responses.delete)),
            *((ask, {"response_id": running.id}) for ask in (responses.retrieve, responses.cancel)),
            (responses.delete, {"response_id": running.id}),
            (responses.input_items.list, {"response_id": told.id}),
            *((ask, {"conversation_id": made.id}) for ask in (conversations.retrieve, conversations.delete)),
            (conversations.update, {"conversation_id": made.id, "metadata": {}}),
            (conversations.items.list, {"conversation_id": made.id}),
            (conversations.items.create, {"conversation_id": made.id, "items": [user("x")]}),
            (conversations.items.retrieve, {"item_id": item.id, "conversation_id": made.id}),
            (conversations.items.delete, {"item_id": item.id, "conversation_id": made.id}),
            (self.ask_as, {"key": OTHER, "said": "hi", "conversation": made.id}),
            (self.ask_as, {"key": OTHER, "said": [{"type": "item_reference", "id": told.output[0].id}]}),
        )
        for ask, named in asks:
            self.refused(openai.NotFoundError, ask, **named)
        error = self.refused(openai.BadRequestError, self.ask_as, OTHER, "hi", previous_response_id=told.id)
        self.assertEqual(error["code"], "previous_response_not_found")
        self.refused(openai.NotFoundError, responses.retrieve, running.id, stream=True)
        # And nothing of it was touched.
        self.assertEqual(mine.responses.retrieve(told.id).to_dict(), told.to_dict())
        self.assertIn(mine.responses.retrieve(running.id).status, ("queued", "in_progress"))
        self.assertEqual(mine.conversations.retrieve(made.id), made)
        self.assertEqual(list(mine.conversations.items.list(made.id)), [item])

    def ask_as(self, key: str, said: Any, **more: Any) -> Any:
        return self.daemon.client(key).responses.create(model=self.daemon.model, input=said, **more)
