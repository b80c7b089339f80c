"""Chat, legacy Completions, embeddings and models of upstreams, with the `openai` package."""

from typing import Any

import openai
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from codexd.wire.json import Json, decode
from tests.support import chat_stream
from tests.support.faulty_upstream import VECTOR
from tests.support.live_daemon import CHAT, message
from tests.support.live_upstreams import BARE, FAULTY, NEAR, UpstreamTestCase, servers
from tests.support.processes import wait_until
from tests.support.sdk_values import TWO_CALLS, Sum, messages_after_calls

CHUNKS: TypeAdapter[Any] = TypeAdapter(ChatCompletionChunk)

WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}}},
        "strict": False,
    },
}
ANY_TEXT = 'say: book 100 haha\n\n  "quoted" \\n ☃ 🂡 tab\there end'

SAMPLING: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.25,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "max_tokens": 100,
    "stop": ["STOP", "END"],
    "seed": 7,
    "logit_bias": {"50256": -100},
    "user": "somebody",
    "reasoning_effort": "low",
    "parallel_tool_calls": False,
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "tools": [WEATHER],
}
OF_ITS_OWN: Json = {"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}}


class ChatTests(UpstreamTestCase):
    def test_an_answer_has_every_character_streamed_or_not(self) -> None:
        said = ANY_TEXT.removeprefix("say: ")
        for shape in ("words", "chars", "repeats", "whole", "random:7"):
            asked = f"shape: {shape}\n{ANY_TEXT}"
            self.assertEqual(self.ask(asked).choices[0].message.content, said, shape)
            pieces = [chunk.choices[0].delta.content or "" for chunk in self.ask(asked, stream=True)]
            self.assertEqual("".join(pieces), said, shape)

    def test_all_parameters_reach_the_upstream(self) -> None:
        answer = self.daemon.client().chat.completions.with_raw_response.create(
            model=NEAR,
            messages=[{"role": "user", "content": "call: weather"}],
            extra_body=OF_ITS_OWN,
            **SAMPLING,
        )
        self.assertEqual({name: self.upstream_request.get(name) for name in SAMPLING}, SAMPLING)
        self.assertEqual({name: self.upstream_request.get(name) for name in OF_ITS_OWN}, OF_ITS_OWN)
        self.assertEqual((self.upstream_request["model"], answer.headers.get("x-codexd-ignored")), ("scripted", None))

    def test_a_header_names_parameters_that_the_upstream_does_not_get(self) -> None:
        for stream in (False, True):
            answer = self.daemon.client().chat.completions.with_raw_response.create(
                model=BARE,
                messages=[{"role": "user", "content": "say: hi"}],
                seed=7,
                temperature=0.5,
                stream=stream,
                extra_body=OF_ITS_OWN,
            )
            named = set(answer.headers["x-codexd-ignored"].split(", "))
            self.assertEqual(named, {"seed", *OF_ITS_OWN})
            self.assertEqual((self.upstream_request.get("seed"), self.upstream_request.get("temperature")), (None, 0.5))

    def test_calls_and_their_results_in_any_order_streamed(self) -> None:
        for order in (slice(None), slice(None, None, -1)):
            asked: dict[str, Any] = {"model": NEAR, "tools": [WEATHER]}
            client = self.daemon.client()
            history = [{"role": "user", "content": TWO_CALLS}]
            with client.chat.completions.stream(**asked, messages=history) as stream:
                called = stream.get_final_completion()
            calls = called.choices[0].message.tool_calls
            cities = [decode(call.function.arguments)["city"] for call in calls]
            self.assertEqual((cities, called.choices[0].finish_reason), (["Oslo", "Rome"], "tool_calls"))
            said, *answers = messages_after_calls(called, "cold", "warm")
            reply = self.ask([*history, said, *answers[order]], tools=[WEATHER])
            self.assertEqual(reply.choices[0].message.content, "tool said: cold | warm")

    def test_a_structured_answer_is_parsed_and_its_schema_is_unchanged(self) -> None:
        completion = self.daemon.client().chat.completions.parse(
            model=NEAR,
            messages=[{"role": "user", "content": 'json: {"a": 1, "b": 41}'}],
            response_format=Sum,
        )
        self.assertEqual(completion.choices[0].message.parsed, Sum(a=1, b=41))
        wanted = self.upstream_request["response_format"]["json_schema"]
        self.assertEqual(
            (wanted["name"], wanted["strict"], set(wanted["schema"]["properties"])), ("Sum", True, {"a", "b"})
        )

    def test_each_choice_is_a_separate_answer_with_its_own_seed(self) -> None:
        texts = {0: "", 1: "", 2: ""}
        for chunk in self.ask("say: hi there", n=3, seed=7, stream=True):
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
        self.assertEqual(texts, dict.fromkeys(range(3), "hi there"))
        seeds = [body["seed"] for body in servers().scripted.asked(3)]
        self.assertEqual((len(set(seeds)), 7 in seeds), (3, True))

    def test_log_probabilities_are_returned(self) -> None:
        choice = self.ask("say: one two", logprobs=True, top_logprobs=2).choices[0]
        tokens = choice.logprobs.content
        self.assertEqual("".join(one.token for one in tokens), "one two")
        self.assertEqual([len(one.top_logprobs) for one in tokens], [2] * len(tokens))
        *_, last = (c for c in self.ask("say: x", logprobs=True, stream=True) if c.choices[0].logprobs)
        self.assertEqual(last.choices[0].logprobs.content[0].token, "x")

    def test_usage_is_returned_in_detail(self) -> None:
        figures = "usage: 50,10,9,4\nthinking: hm\nsay: hi"
        *_, last = self.ask(figures, stream=True, stream_options={"include_usage": True})
        for usage in (last.usage, self.ask(figures).usage):
            self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (50, 9, 59))
            self.assertEqual(usage.prompt_tokens_details.cached_tokens, 10)
            self.assertEqual(usage.completion_tokens_details.reasoning_tokens, 4)

    def test_reasoning_refusals_and_finish_reasons_are_unchanged(self) -> None:
        said = self.ask("thinking: first\nsay: then").choices[0].message
        self.assertEqual((said.reasoning_content, said.content), ("first", "then"))
        self.assertEqual(self.ask("refuse: never").choices[0].message.refusal, "never")
        for reason, finish in (("max_output_tokens", "length"), ("content_filter", "content_filter")):
            choice = self.ask(f"incomplete: {reason} cut off").choices[0]
            self.assertEqual((choice.message.content, choice.finish_reason), ("cut off", finish))
        stopped = self.ask("say: one STOP two", stop="STOP").choices[0]
        self.assertEqual((stopped.message.content, stopped.finish_reason), ("one ", "stop"))
        self.assertEqual(self.ask("long: 50", max_completion_tokens=8).choices[0].finish_reason, "length")

    def test_every_chunk_is_strictly_valid_and_they_merge_to_the_answer(self) -> None:
        for text in (ANY_TEXT, TWO_CALLS, "think: aloud"):
            asked = {
                "model": NEAR,
                "messages": [{"role": "user", "content": text}],
                "tools": [WEATHER],
            }
            streaming = asked | {"stream": True, "stream_options": {"include_usage": True}}
            datas = [frame.data for frame in self.daemon.call(CHAT, streaming).frames()]
            self.assertEqual(datas.pop(), b"[DONE]")
            for data in datas:
                CHUNKS.validate_json(data, strict=True)
            whole = self.daemon.post(CHAT, asked)
            streamed = chat_stream.merge([decode(data) for data in datas])
            self.assertEqual(streamed["choices"][0]["message"], message(whole))
            self.assertEqual(streamed["usage"], whole.json["usage"])


class CompletionsTests(UpstreamTestCase):
    def complete(self, prompt: Any, **more: Any) -> Any:
        return self.daemon.client().completions.create(model=NEAR, prompt=prompt, **more)

    def test_each_prompt_is_answered_and_echoed_on_request(self) -> None:
        answer = self.complete(["say: one", "say: two"], echo=True, n=2)
        self.assertEqual(
            [(choice.index, choice.text) for choice in answer.choices],
            list(enumerate(["say: oneone"] * 2 + ["say: twotwo"] * 2)),
        )
        self.assertGreater(answer.usage.prompt_tokens, 0)

    def test_a_stream_has_the_same_text(self) -> None:
        pieces = [chunk.choices[0].text for chunk in self.complete(ANY_TEXT, stream=True) if chunk.choices]
        self.assertEqual("".join(pieces), ANY_TEXT.removeprefix("say: "))

    def test_log_probabilities_have_the_legacy_form(self) -> None:
        weighed = self.complete("say: one two", logprobs=1).choices[0].logprobs
        self.assertEqual(("".join(weighed.tokens), weighed.text_offset[0]), ("one two", 0))

    def test_suffix_is_rejected(self) -> None:
        error = self.assertRaises(openai.BadRequestError, self.complete, "say: x", suffix="y")
        self.assertEqual(error.param, "suffix")


class EmbeddingsTests(UpstreamTestCase):
    def test_embeddings_come_from_the_upstream_that_has_them(self) -> None:
        found = self.daemon.client().embeddings.create(model=FAULTY + "embedder", input=["a", "b"], dimensions=3)
        self.assertEqual([one.embedding for one in found.data], [list(VECTOR)] * 2)
        self.assertEqual((found.model, found.usage.prompt_tokens), ("embedder", 2))
        self.assertEqual(servers().faulty.requests[-1]["dimensions"], 3)

    def test_a_model_without_embeddings_is_rejected(self) -> None:
        embed = self.daemon.client().embeddings.create
        error = self.assertRaises(openai.BadRequestError, embed, model="scripted", input="a")
        self.assertEqual(error.param, "model")
        error = self.assertRaises(openai.InternalServerError, embed, model=NEAR, input="a")
        self.assertEqual((error.status_code, error.code), (502, "provider_rejected"))


class ModelNameTests(UpstreamTestCase):
    def test_the_list_has_all_models_though_one_upstream_is_down(self) -> None:
        listed = {
            "scripted",
            NEAR,
            BARE,
            "faulty/torn",
            "frail/torn",
            "gone/lost",
            "brief",
            "safe",
            "homeward",
        }

        def find() -> list[str]:
            return [model.id for model in self.daemon.client().models.list()]

        wait_until(lambda: listed <= set(find()), "the lists of all upstreams are read")
        found = find()
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(self.daemon.client().models.retrieve(NEAR).owned_by, "codexd")

    def test_a_name_selects_the_upstream_that_has_the_model(self) -> None:
        for model, said in (("scripted", "x"), (NEAR, "x"), (FAULTY + "hello", "hello")):
            answer = self.ask("say: x", model=model)
            self.assertEqual((answer.choices[0].message.content, answer.model), (said, model))
        for model in ("near/other", "nobody/scripted"):
            self.assertRaises(openai.NotFoundError, self.ask, "say: x", model=model)

    def test_an_alias_adds_defaults_and_enforces_its_limit(self) -> None:
        answer = self.ask("say: one two three four five", model="brief", max_tokens=50)
        self.assertEqual((answer.choices[0].finish_reason, answer.model), ("length", "brief"))
        self.assertEqual((self.upstream_request["max_tokens"], self.upstream_request["reasoning_effort"]), (3, "low"))
        self.assertEqual(self.upstream_request["messages"][0], {"role": "system", "content": "Be brief."})
        self.ask(
            [{"role": "system", "content": "Be long."}, {"role": "user", "content": "say: x"}],
            "brief",
            reasoning_effort="high",
        )
        self.assertEqual(self.upstream_request["reasoning_effort"], "high")
        self.assertEqual([one["content"] for one in self.upstream_request["messages"]], ["Be long.", "say: x"])
