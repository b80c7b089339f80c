"""Responses that are kept: shown again, gone on from, deleted, by the real `openai` package."""

import openai

from codexd.wire.json import Json
from tests.live.test_sdk_responses import Sum
from tests.support.live_state import NOTE, StateTestCase, plain, result

SEALED = "reasoning.encrypted_content"
CALL = 'thinking: which\ncall: note {"x":1}\nthen: say: noted'


class KeptTests(StateTestCase):
    def test_it_is_shown_again_as_it_was_told(self) -> None:
        told = self.ask(CALL, tools=[NOTE], metadata={"a": "b"}, instructions="Be exact.", include=[SEALED])
        again = self.client.responses.retrieve(told.id, include=[SEALED])
        self.assertEqual(again.to_dict(), told.to_dict())
        self.assertTrue(again.output[0].encrypted_content)
        self.assertEqual((again.store, again.metadata), (True, {"a": "b"}))

    def test_the_sealed_originals_of_thoughts_are_shown_only_to_who_asks(self) -> None:
        told = self.ask("thinking: hm\nsay: so")
        unsealed = self.client.responses.retrieve(told.id)
        self.assertEqual(unsealed.to_dict(), told.to_dict())
        self.assertIsNone(unsealed.output[0].encrypted_content)
        sealed = self.client.responses.retrieve(told.id, include=[SEALED])
        self.assertTrue(sealed.output[0].encrypted_content)

    def test_a_streamed_one_is_the_one_its_stream_ended_with(self) -> None:
        with self.client.responses.stream(model=self.daemon.model, input="think: aloud") as stream:
            final = stream.until_done().get_final_response()
        again = self.client.responses.retrieve(final.id)
        self.assertEqual(again.output_text, final.output_text)
        self.assertEqual(again.usage, final.usage)
        self.assertEqual(plain(again.output)[0], plain(final.output)[0])

    def test_one_that_is_not_to_be_kept_is_not(self) -> None:
        told = self.ask("say: between us", store=False)
        self.assertIs(told.store, False)
        self.refused(openai.NotFoundError, self.client.responses.retrieve, told.id)
        self.refused(openai.NotFoundError, self.client.responses.input_items.list, told.id)
        error = self.refused(openai.BadRequestError, self.go_on, told, "say: more")
        self.assertEqual(error["code"], "previous_response_not_found")

    def test_what_the_model_was_shown_is_listed_a_page_at_a_time_in_either_order(self) -> None:
        first = self.ask("say: one")
        second = self.go_on(first, [{"role": "user", "content": f"say: {n}"} for n in range(5)])
        items = self.client.responses.input_items
        page = items.list(second.id, limit=3, order="asc")
        self.assertEqual((len(page.data), page.has_more), (3, True))
        texts = [item.content[0].text for item in page]
        self.assertEqual(texts, ["say: one", "one", *(f"say: {n}" for n in range(5))])
        newest_first = [item.id for item in items.list(second.id, limit=2)]
        self.assertEqual(newest_first, [item.id for item in items.list(second.id, order="asc")][::-1])
        after = items.list(second.id, order="asc", after=page.data[-1].id)
        self.assertEqual([item.content[0].text for item in after], texts[3:])

    def test_a_deleted_one_is_gone_and_what_goes_on_from_it_goes_on(self) -> None:
        first = self.ask("say: one")
        second = self.go_on(first, "say: two")
        self.assertIsNone(self.client.responses.delete(first.id))
        for ask in (self.client.responses.retrieve, self.client.responses.delete):
            error = self.refused(openai.NotFoundError, ask, first.id)
            self.assertIn(first.id, error["message"])
        error = self.refused(openai.BadRequestError, self.go_on, first, "say: no")
        self.assertEqual(error["code"], "previous_response_not_found")
        self.assertEqual(self.go_on(second, "say: three").output_text, "three")
        said = [("user", "say: one"), ("assistant", "one"), ("user", "say: two"), ("assistant", "two")]
        self.assertEqual(self.shown, [*said, ("user", "say: three")])


class GoingOnTests(StateTestCase):
    def test_the_model_is_shown_the_whole_of_it_and_no_instructions_of_before(self) -> None:
        first = self.ask("say: one", instructions="Be A.")
        self.assertEqual(self.shown, [("developer", "Be A."), ("user", "say: one")])
        second = self.go_on(first, "say: two")
        self.assertEqual((second.previous_response_id, second.instructions), (first.id, None))
        said = [("user", "say: one"), ("assistant", "one"), ("user", "say: two")]
        self.assertEqual(self.shown, said)
        self.go_on(second, "say: three", instructions="Be C.")
        shown = [("developer", "Be C."), *said, ("assistant", "two"), ("user", "say: three")]
        self.assertEqual(self.shown, shown)

    def test_one_goes_on_in_two_ways(self) -> None:
        first = self.ask("say: one")
        left = self.go_on(first, "say: left")
        right = self.go_on(first, "say: right")
        for branch, said in ((left, "left"), (right, "right")):
            self.go_on(branch, "say: end")
            shown = ["say: one", "one", f"say: {said}", said, "say: end"]
            self.assertEqual([text for _, text in self.shown], shown)

    def test_a_tool_s_result_needs_neither_the_call_nor_the_tools_again(self) -> None:
        called = self.ask(CALL, tools=[NOTE])
        call = called.output[-1]
        for tools in ({}, {"tools": [NOTE]}):
            told = self.go_on(called, [result(call, "done")], **tools)
            self.assertEqual(told.output_text, "noted", tools)
        kinds = [item["type"] for item in self.shown_items]
        self.assertEqual(kinds, ["message", "reasoning", "function_call", "function_call_output"])

    def test_parallel_calls_are_answered_in_any_order(self) -> None:
        called = self.ask('call: note {"x":1}\ncall: note {"x":2}', tools=[NOTE])
        results = [result(call, f"got {number}") for number, call in enumerate(called.output)]
        told = self.go_on(called, results[::-1], tools=[NOTE])
        self.assertEqual(told.output_text, "tool said: got 0 | got 1")

    def test_a_result_of_a_call_that_was_never_made_is_refused(self) -> None:
        called = self.ask('call: note {"x":1}', tools=[NOTE])
        stray = {**result(called.output[0], ""), "call_id": "call_other"}
        error = self.refused(openai.BadRequestError, self.go_on, called, [stray])
        self.assertEqual(error["param"], "input[0].call_id")

    def test_to_go_on_to_refer_and_to_replay_show_the_model_the_same(self) -> None:
        """By id, as the AI SDK does (`item_reference`), and as openai-agents does (every item verbatim)."""
        said = CALL.replace("1", "2")  # nobody else's words: no thread that is warm knows them
        called = self.ask(said, tools=[NOTE], include=[SEALED])
        answer, ends = result(called.output[-1], "done"), []
        question: Json = {"role": "user", "content": said}
        references = [{"type": "item_reference", "id": item.id} for item in called.output]
        for before in ([], [question, *references], [question, *plain(called.output)]):
            earlier = {} if before else {"previous_response_id": called.id}
            told = self.ask([*before, answer], tools=[NOTE], **earlier)
            ends.append([told.output_text, self.shown_items])
            more = self.go_on(told, "say: and on")
            self.assertEqual(more.output_text, "and on")
            ends[-1].append(self.shown_items)
        self.assertEqual(ends[0][0], "noted")
        self.assertEqual(ends[1:], ends[:1] * 2)

    def test_a_reference_to_nothing_is_refused(self) -> None:
        error = self.refused(openai.NotFoundError, self.ask, [{"type": "item_reference", "id": "msg_none"}])
        self.assertEqual((error["message"], error["param"]), ("Item with id 'msg_none' not found.", "input"))

    def test_an_id_that_there_is_not_is_refused_by_name(self) -> None:
        error = self.refused(openai.BadRequestError, self.ask, "hi", previous_response_id="resp_none")
        self.assertEqual(error["code"], "previous_response_not_found")
        self.assertEqual(error["param"], "previous_response_id")
        self.assertEqual(error["message"], "Previous response with id 'resp_none' not found.")

    def test_the_stream_helper_goes_on(self) -> None:
        texts = []
        previous: Json = {}
        for said in ("one two", "three"):
            asked = {"model": self.daemon.model, "input": f"say: {said}", **previous}
            with self.client.responses.stream(**asked) as stream:
                texts.append(stream.get_final_response().output_text)
                previous = {"previous_response_id": stream.get_final_response().id}
        self.assertEqual(texts, ["one two", "three"])
        self.assertEqual([text for _, text in self.shown], ["say: one two", "one two", "say: three"])

    def test_a_parsed_one_goes_on_and_is_parsed_again(self) -> None:
        parse = self.client.responses.parse
        asked = {"model": self.daemon.model, "text_format": Sum}
        first = parse(input='json: {"a": 1, "b": 2}', **asked)
        second = parse(input='json: {"a": 3, "b": 4}', previous_response_id=first.id, **asked)
        self.assertEqual((first.output_parsed, second.output_parsed), (Sum(a=1, b=2), Sum(a=3, b=4)))
        self.assertEqual(self.shown[1], ("assistant", '{"a": 1, "b": 2}'))

    def test_one_that_was_cut_goes_on_with_what_was_said(self) -> None:
        cut = self.ask("long: 400", max_output_tokens=4)
        self.assertEqual(cut.status, "incomplete")
        self.assertEqual(self.go_on(cut, "say: more").output_text, "more")
        self.assertEqual(self.shown[1], ("assistant", cut.output_text))

    def test_a_chat_is_not_kept(self) -> None:
        answer = self.client.chat.completions.create(
            model=self.daemon.model, messages=[{"role": "user", "content": "say: hi"}]
        )
        self.refused(openai.NotFoundError, self.client.responses.retrieve, answer.id)


class SideTests(StateTestCase):
    def test_tokens_are_counted_and_nothing_is_asked(self) -> None:
        first = self.ask("say: one")
        asked, count = self.daemon.asked, self.client.responses.input_tokens.count
        alone = count(model=self.daemon.model, input="say: two")
        together = count(model=self.daemon.model, input="say: two", previous_response_id=first.id)
        self.assertEqual(alone.object, "response.input_tokens")
        self.assertLess(0, alone.input_tokens)
        self.assertLess(alone.input_tokens, together.input_tokens)
        self.assertEqual(self.daemon.asked, asked)

    def test_compaction_is_refused_with_what_to_do(self) -> None:
        error = self.refused(
            openai.APIStatusError, self.client.responses.compact, model=self.daemon.model, input="hi"
        )
        self.assertEqual(error["code"], "unsupported_parameter")
