"""Stored responses with the `openai` package: retrieved, continued and deleted."""

import openai

from codexd.wire.json import Json
from tests.support.live_responses import NOTE, StoredResponsesTestCase, plain, result
from tests.support.sdk_values import Sum

SEALED = "reasoning.encrypted_content"
CALL = 'thinking: which\ncall: note {"x":1}\nthen: say: noted'


class StoredResponseTests(StoredResponsesTestCase):
    def test_it_is_retrieved_as_it_was_sent(self) -> None:
        reply = self.ask(CALL, tools=[NOTE], metadata={"a": "b"}, instructions="Be exact.", include=[SEALED])
        again = self.client.responses.retrieve(reply.id, include=[SEALED])
        self.assertEqual(again.to_dict(), reply.to_dict())
        self.assertTrue(again.output[0].encrypted_content)
        self.assertEqual((again.store, again.metadata), (True, {"a": "b"}))

    def test_encrypted_reasoning_is_returned_only_on_request(self) -> None:
        reply = self.ask("thinking: hm\nsay: so")
        unsealed = self.client.responses.retrieve(reply.id)
        self.assertEqual(unsealed.to_dict(), reply.to_dict())
        self.assertIsNone(unsealed.output[0].encrypted_content)
        sealed = self.client.responses.retrieve(reply.id, include=[SEALED])
        self.assertTrue(sealed.output[0].encrypted_content)

    def test_a_streamed_one_is_stored_as_its_stream_ended(self) -> None:
        with self.client.responses.stream(model=self.daemon.model, input="think: aloud") as stream:
            final = stream.until_done().get_final_response()
        again = self.client.responses.retrieve(final.id)
        self.assertEqual(again.output_text, final.output_text)
        self.assertEqual(again.usage, final.usage)
        self.assertEqual(plain(again.output)[0], plain(final.output)[0])

    def test_one_with_store_false_is_not_stored(self) -> None:
        reply = self.ask("say: between us", store=False)
        self.assertIs(reply.store, False)
        self.refused(openai.NotFoundError, self.client.responses.retrieve, reply.id)
        self.refused(openai.NotFoundError, self.client.responses.input_items.list, reply.id)
        error = self.refused(openai.BadRequestError, self.continue_response, reply, "say: more")
        self.assertEqual(error["code"], "previous_response_not_found")

    def test_input_items_are_listed_in_pages_in_either_order(self) -> None:
        first = self.ask("say: one")
        second = self.continue_response(first, [{"role": "user", "content": f"say: {n}"} for n in range(5)])
        items = self.client.responses.input_items
        page = items.list(second.id, limit=3, order="asc")
        self.assertEqual((len(page.data), page.has_more), (3, True))
        texts = [item.content[0].text for item in page]
        self.assertEqual(texts, ["say: one", "one", *(f"say: {n}" for n in range(5))])
        newest_first = [item.id for item in items.list(second.id, limit=2)]
        self.assertEqual(newest_first, [item.id for item in items.list(second.id, order="asc")][::-1])
        after = items.list(second.id, order="asc", after=page.data[-1].id)
        self.assertEqual([item.content[0].text for item in after], texts[3:])

    def test_a_deleted_one_gets_404_and_its_continuations_stay(self) -> None:
        first = self.ask("say: one")
        second = self.continue_response(first, "say: two")
        self.assertIsNone(self.client.responses.delete(first.id))
        for ask in (self.client.responses.retrieve, self.client.responses.delete):
            error = self.refused(openai.NotFoundError, ask, first.id)
            self.assertIn(first.id, error["message"])
        error = self.refused(openai.BadRequestError, self.continue_response, first, "say: no")
        self.assertEqual(error["code"], "previous_response_not_found")
        self.assertEqual(self.continue_response(second, "say: three").output_text, "three")
        said = [("user", "say: one"), ("assistant", "one"), ("user", "say: two"), ("assistant", "two")]
        self.assertEqual(self.shown, [*said, ("user", "say: three")])


class ContinuationTests(StoredResponsesTestCase):
    def test_the_model_receives_the_whole_history_without_earlier_instructions(self) -> None:
        first = self.ask("say: one", instructions="Be A.")
        self.assertEqual(self.shown, [("developer", "Be A."), ("user", "say: one")])
        second = self.continue_response(first, "say: two")
        self.assertEqual((second.previous_response_id, second.instructions), (first.id, None))
        said = [("user", "say: one"), ("assistant", "one"), ("user", "say: two")]
        self.assertEqual(self.shown, said)
        self.continue_response(second, "say: three", instructions="Be C.")
        shown = [("developer", "Be C."), *said, ("assistant", "two"), ("user", "say: three")]
        self.assertEqual(self.shown, shown)

    def test_one_can_be_continued_twice(self) -> None:
        first = self.ask("say: one")
        left = self.continue_response(first, "say: left")
        right = self.continue_response(first, "say: right")
        for branch, said in ((left, "left"), (right, "right")):
            self.continue_response(branch, "say: end")
            shown = ["say: one", "one", f"say: {said}", said, "say: end"]
            self.assertEqual([text for _, text in self.shown], shown)

    def test_a_tool_result_needs_neither_the_call_nor_the_tools_again(self) -> None:
        called = self.ask(CALL, tools=[NOTE])
        call = called.output[-1]
        for tools in ({}, {"tools": [NOTE]}):
            reply = self.continue_response(called, [result(call, "done")], **tools)
            self.assertEqual(reply.output_text, "noted", tools)
        kinds = [item["type"] for item in self.shown_items]
        self.assertEqual(kinds, ["message", "reasoning", "function_call", "function_call_output"])

    def test_parallel_calls_are_answered_in_any_order(self) -> None:
        called = self.ask('call: note {"x":1}\ncall: note {"x":2}', tools=[NOTE])
        results = [result(call, f"got {number}") for number, call in enumerate(called.output)]
        reply = self.continue_response(called, results[::-1], tools=[NOTE])
        self.assertEqual(reply.output_text, "tool said: got 0 | got 1")

    def test_a_result_of_an_unknown_call_is_rejected(self) -> None:
        called = self.ask('call: note {"x":1}', tools=[NOTE])
        stray = {**result(called.output[0], ""), "call_id": "call_other"}
        error = self.refused(openai.BadRequestError, self.continue_response, called, [stray])
        self.assertEqual(error["param"], "input[0].call_id")

    def test_previous_id_item_references_and_full_replay_give_the_model_the_same_history(self) -> None:
        """Continue by id, by `item_reference` (like the AI SDK) and with all items (like openai-agents)."""
        said = CALL.replace("1", "2")  # unique, so that no idle thread has this history
        called = self.ask(said, tools=[NOTE], include=[SEALED])
        answer, ends = result(called.output[-1], "done"), []
        question: Json = {"role": "user", "content": said}
        references = [{"type": "item_reference", "id": item.id} for item in called.output]
        for before in ([], [question, *references], [question, *plain(called.output)]):
            earlier = {} if before else {"previous_response_id": called.id}
            reply = self.ask([*before, answer], tools=[NOTE], **earlier)
            ends.append([reply.output_text, self.shown_items])
            more = self.continue_response(reply, "say: and on")
            self.assertEqual(more.output_text, "and on")
            ends[-1].append(self.shown_items)
        self.assertEqual(ends[0][0], "noted")
        self.assertEqual(ends[1:], ends[:1] * 2)

    def test_an_unknown_item_reference_is_rejected(self) -> None:
        error = self.refused(openai.NotFoundError, self.ask, [{"type": "item_reference", "id": "msg_none"}])
        self.assertEqual((error["message"], error["param"]), ("Item with id 'msg_none' not found.", "input"))

    def test_an_unknown_id_is_named_in_the_error(self) -> None:
        error = self.refused(openai.BadRequestError, self.ask, "hi", previous_response_id="resp_none")
        self.assertEqual(error["code"], "previous_response_not_found")
        self.assertEqual(error["param"], "previous_response_id")
        self.assertEqual(error["message"], "Previous response with id 'resp_none' not found.")

    def test_the_stream_helper_continues(self) -> None:
        texts = []
        previous: Json = {}
        for said in ("one two", "three"):
            asked = {"model": self.daemon.model, "input": f"say: {said}", **previous}
            with self.client.responses.stream(**asked) as stream:
                texts.append(stream.get_final_response().output_text)
                previous = {"previous_response_id": stream.get_final_response().id}
        self.assertEqual(texts, ["one two", "three"])
        self.assertEqual([text for _, text in self.shown], ["say: one two", "one two", "say: three"])

    def test_a_parsed_one_is_continued_and_parsed_again(self) -> None:
        parse = self.client.responses.parse
        asked = {"model": self.daemon.model, "text_format": Sum}
        first = parse(input='json: {"a": 1, "b": 2}', **asked)
        second = parse(input='json: {"a": 3, "b": 4}', previous_response_id=first.id, **asked)
        self.assertEqual((first.output_parsed, second.output_parsed), (Sum(a=1, b=2), Sum(a=3, b=4)))
        self.assertEqual(self.shown[1], ("assistant", '{"a": 1, "b": 2}'))

    def test_an_incomplete_one_is_continued_with_its_text(self) -> None:
        cut = self.ask("long: 400", max_output_tokens=4)
        self.assertEqual(cut.status, "incomplete")
        self.assertEqual(self.continue_response(cut, "say: more").output_text, "more")
        self.assertEqual(self.shown[1], ("assistant", cut.output_text))

    def test_chat_completions_are_not_stored(self) -> None:
        answer = self.client.chat.completions.create(
            model=self.daemon.model, messages=[{"role": "user", "content": "say: hi"}]
        )
        self.refused(openai.NotFoundError, self.client.responses.retrieve, answer.id)


class OtherEndpointTests(StoredResponsesTestCase):
    def test_tokens_are_counted_without_a_model_request(self) -> None:
        first = self.ask("say: one")
        asked, count = self.daemon.last_provider_request, self.client.responses.input_tokens.count
        alone = count(model=self.daemon.model, input="say: two")
        together = count(model=self.daemon.model, input="say: two", previous_response_id=first.id)
        self.assertEqual(alone.object, "response.input_tokens")
        self.assertLess(0, alone.input_tokens)
        self.assertLess(alone.input_tokens, together.input_tokens)
        self.assertEqual(self.daemon.last_provider_request, asked)
