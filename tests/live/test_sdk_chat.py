"""Chat Completions end to end with the `openai` package."""

from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from codexd.wire.json import Json, decode
from tests.support import chat_stream
from tests.support.live_daemon import CHAT, LiveTestCase, message, user
from tests.support.sdk_values import TWO_CALLS, Sum, messages_after_calls

CHUNKS: TypeAdapter[Any] = TypeAdapter(ChatCompletionChunk)
COMPLETIONS: TypeAdapter[Any] = TypeAdapter(ChatCompletion)

WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
FAULTY = 'say: book 100 haha\n\n  "quoted" \\n ☃ 🂡 tab\there \u0000 end'


class ChatTests(LiveTestCase):
    def ask(self, text: str, **more: Any) -> Any:
        return self.daemon.client().chat.completions.create(model="scripted", messages=user(text), **more)

    def test_a_json_answer_has_every_character(self) -> None:
        completion = self.ask(FAULTY)
        choice = completion.choices[0]
        self.assertEqual(choice.message.content, FAULTY.removeprefix("say: "))
        self.assertEqual((choice.finish_reason, choice.index, choice.message.role), ("stop", 0, "assistant"))
        usage = completion.usage
        self.assertGreater(usage.prompt_tokens, 0)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertTrue(completion._request_id)

    def test_a_stream_has_the_same_text_in_every_shape_of_deltas(self) -> None:
        for shape in ("words", "chars", "repeats", "empty", "whole", "random:7"):
            chunks = list(self.ask(f"shape: {shape}\n{FAULTY}", stream=True))
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            self.assertEqual(text, FAULTY.removeprefix("say: "), shape)

    def test_the_stream_helper_ends_with_the_whole_answer(self) -> None:
        asked = {"model": "scripted", "messages": user("say: one two three")}
        client = self.daemon.client()
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            kinds = [event.type for event in stream]
            whole = stream.get_final_completion()
        self.assertEqual(kinds.count("content.done"), 1)
        self.assertEqual(whole.choices[0].message.content, "one two three")
        self.assertEqual(whole.usage, client.chat.completions.create(**asked).usage)

    def test_usage_is_a_separate_chunk_and_only_on_request(self) -> None:
        figures = "usage: 50,10,9,4\nsay: hi"
        plain = list(self.ask(figures, stream=True))
        self.assertEqual([chunk for chunk in plain if chunk.usage or not chunk.choices], [])
        *_, last = self.ask(figures, stream=True, stream_options={"include_usage": True})
        self.assertEqual(last.choices, [])
        usage = last.usage
        self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (50, 9, 59))
        self.assertEqual(usage.prompt_tokens_details.cached_tokens, 10)
        self.assertEqual(usage.completion_tokens_details.reasoning_tokens, 4)

    def test_one_call_and_its_result(self) -> None:
        text = 'call: weather {"city": "Oslo", "faulty": "☃ \\" 1|100"}'
        asked = self.ask(text, tools=[WEATHER])
        (call,) = asked.choices[0].message.tool_calls
        self.assertEqual(asked.choices[0].finish_reason, "tool_calls")
        self.assertIsNone(asked.choices[0].message.content)
        self.assertEqual((call.type, call.function.name), ("function", "weather"))
        self.assertEqual(call.function.arguments, text.removeprefix("call: weather "))
        reply = self.daemon.client().chat.completions.create(
            model="scripted", messages=[*user(text), *messages_after_calls(asked, "4 degrees")], tools=[WEATHER]
        )
        self.assertEqual(reply.choices[0].message.content, "tool said: 4 degrees")

    def test_parallel_calls_and_their_results_in_any_order_streamed(self) -> None:
        for order in (slice(None), slice(None, None, -1)):
            client = self.daemon.client()
            asked = {"model": "scripted", "tools": [WEATHER]}
            with client.chat.completions.stream(**asked, messages=user(TWO_CALLS)) as stream:
                called = stream.get_final_completion()
            calls = called.choices[0].message.tool_calls
            cities = [decode(call.function.arguments)["city"] for call in calls]
            self.assertEqual((cities, called.choices[0].finish_reason), (["Oslo", "Rome"], "tool_calls"))
            said, *answers = messages_after_calls(called, "cold", "warm")
            history = [*user(TWO_CALLS), said, *answers[order]]
            with client.chat.completions.stream(**asked, messages=history) as stream:
                reply = stream.get_final_completion()
            self.assertEqual(reply.choices[0].message.content, "tool said: cold | warm")

    def test_calls_are_single_without_parallel_tool_calls(self) -> None:
        more = {"model": "scripted", "tools": [WEATHER], "parallel_tool_calls": False}
        history = user(TWO_CALLS)
        for city in ("Oslo", "Rome"):
            called = self.daemon.client().chat.completions.create(messages=history, **more)
            (call,) = called.choices[0].message.tool_calls
            self.assertEqual(decode(call.function.arguments), {"city": city})
            history += messages_after_calls(called, city)
        reply = self.daemon.client().chat.completions.create(messages=history, **more)
        self.assertEqual(reply.choices[0].message.content, "tool said: Oslo | Rome")

    def test_a_result_may_be_parts_and_may_be_empty(self) -> None:
        asked = self.ask(TWO_CALLS, tools=[WEATHER])
        said, first, second = messages_after_calls(asked, "x", "")
        first["content"] = [{"type": "text", "text": "in"}, {"type": "text", "text": "parts"}]
        answer = self.daemon.chat_text([*user(TWO_CALLS), said, first, second], tools=[WEATHER])
        self.assertEqual(answer, "tool said: in\nparts | ")

    def test_a_structured_answer_is_parsed(self) -> None:
        completion = self.daemon.client().chat.completions.parse(
            model="scripted", messages=user('json: {"a": 1, "b": 41}'), response_format=Sum
        )
        self.assertEqual(completion.choices[0].message.parsed, Sum(a=1, b=41))

    def test_two_choices_are_separate_answers(self) -> None:
        completion = self.ask("say: hi there", n=2)
        said = [(choice.index, choice.message.content) for choice in completion.choices]
        self.assertEqual(said, [(0, "hi there"), (1, "hi there")])
        texts = {0: "", 1: ""}
        for chunk in self.ask("say: hi there", n=2, stream=True):
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
        self.assertEqual(texts, {0: "hi there", 1: "hi there"})

    def test_reasoning_is_shown_beside_the_content(self) -> None:
        completion = self.ask("thinking: first a thought\nsay: then words", reasoning_effort="high")
        said = completion.choices[0].message
        self.assertEqual((said.reasoning_content, said.content), ("first a thought", "then words"))
        self.assertGreater(completion.usage.completion_tokens_details.reasoning_tokens, 0)

    def test_legacy_functions_call_and_are_answered(self) -> None:
        text = 'call: weather {"city":"Oslo"}'
        functions = [WEATHER["function"]]
        asked = self.ask(text, functions=functions)
        called = asked.choices[0].message.function_call
        self.assertEqual((called.name, called.arguments), ("weather", '{"city":"Oslo"}'))
        self.assertEqual(asked.choices[0].finish_reason, "function_call")
        history = [
            *user(text),
            asked.choices[0].message.model_dump(exclude_none=True),
            {"role": "function", "name": "weather", "content": "cold"},
        ]
        self.assertEqual(self.daemon.chat_text(history, functions=functions), "tool said: cold")

    def test_stop_sequences_and_limits_end_an_answer_exactly(self) -> None:
        stopped = self.ask("shape: chars\nsay: one STOP two", stop=["STOP"])
        choice = stopped.choices[0]
        self.assertEqual((choice.message.content, choice.finish_reason), ("one ", "stop"))
        limited = self.ask("long: 400", max_completion_tokens=8).choices[0]
        self.assertEqual((limited.finish_reason, len(limited.message.content)), ("length", 32))

    def test_every_chunk_and_completion_is_strictly_valid_and_they_agree(self) -> None:
        for text in (FAULTY, TWO_CALLS, "think: aloud", "incomplete: max_output_tokens cut off"):
            asked = self.daemon.chat_body(text, tools=[WEATHER], stream_options={"include_usage": True})
            call = self.daemon.call(CHAT, asked | {"stream": True})
            datas = [frame.data for frame in call.frames()]
            self.assertEqual(datas.pop(), b"[DONE]")
            chunks = [decode(data) for data in datas]
            for data in datas:
                CHUNKS.validate_json(data, strict=True)
            del asked["stream_options"]
            whole = self.daemon.post(CHAT, asked)
            COMPLETIONS.validate_json(whole.body, strict=True)
            streamed = chat_stream.merge(chunks)
            self.assertEqual(streamed["choices"][0]["message"], message(whole))
            self.assertEqual(streamed["usage"], whole.json["usage"])
