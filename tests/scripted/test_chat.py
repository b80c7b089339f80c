"""Tests of the Chat Completions dialect, with the types of OpenAI's client."""

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.answer_plan import Pause
from codexd.scripted.chat import build_answer
from codexd.wire.json import Json, decode, encode
from tests.scripted.client import events

NOW = 1_700_000_000.5
TOOLS = [
    {"type": "function", "function": {"name": "f", "parameters": {}}},
    {"type": "function", "function": {"name": "g"}},
    {"type": "custom", "custom": {"name": "raw"}},
]
SCRIPTS = st.one_of(
    st.text().map("say: {}".format),
    st.text().map("think: {}".format),
    st.text().map("search: {}".format),
    st.text().map("preface: so\nrefuse: {}".format),
    st.text().map("incomplete: content_filter {}".format),
    st.text().map("thinking: hm\npreface: so\ncall: f\ncall: g {}".format),
    st.sampled_from(["", "shape: empty\nsay: a b", "seen:", "long: 30"]),
)


def body(text: str, usage: bool = True, **members: Json) -> dict[str, Json]:
    options = {"stream_options": {"include_usage": usage}}
    messages = {"messages": [{"role": "user", "content": text}]}
    tools = {"tools": TOOLS, "web_search_options": {}}
    return {"model": "m", "stream": True, **tools, **messages, **options, **members}


def stream(text: str, usage: bool = True, **members: Json) -> bytes:
    frames = build_answer(body(text, usage, **members), NOW).frames()
    return b"".join(frame for frame in frames if isinstance(frame, bytes))


def whole(text: str) -> Json:
    return decode(build_answer(body(text), NOW).render())


def folded(chunks: list[Json]) -> tuple[Json, str]:
    """Concatenate the deltas to a message and a finish reason, as OpenAI's client does."""
    message: dict[str, Json] = {}
    calls: list[dict[str, Json]] = []
    reasons = []
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        for name, value in choice["delta"].items():
            if name != "tool_calls":
                message[name] = message[name] + value if name in message else value
        for delta in choice["delta"].get("tool_calls", ()):
            if "id" in delta:
                calls.append({name: value for name, value in delta.items() if name != "index"})
            else:
                calls[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
        reasons.append(choice["finish_reason"])
    *others, reason = reasons
    assert not any(others)
    return message | ({"tool_calls": calls} if calls else {}), reason


class StreamTests(SynchronousTestCase):
    @given(SCRIPTS)
    def test_openai_s_client_accepts_every_chunk(self, text: str) -> None:
        chunks = events(stream(text))
        for chunk in chunks:
            ChatCompletionChunk.model_validate_json(encode(chunk), strict=True)
        self.assertEqual(len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}), 1)

    @given(SCRIPTS)
    def test_the_concatenated_deltas_are_the_message(self, text: str) -> None:
        message, reason = folded(events(stream(text)))
        (choice,) = whole(text)["choices"]
        expected = {name: value for name, value in choice["message"].items() if value}
        self.assertEqual({name: value for name, value in message.items() if value}, expected)
        self.assertEqual(reason, choice["finish_reason"])

    def test_the_role_is_first_and_done_is_last(self) -> None:
        said = stream("say: a b")
        first, *rest = events(said)
        self.assertEqual(first["choices"][0]["delta"], {"role": "assistant", "content": ""})
        self.assertFalse(any("role" in choice["delta"] for chunk in rest for choice in chunk["choices"]))
        self.assertTrue(said.endswith(b"data: [DONE]\n\n"))

    def test_a_search_result_is_cited_in_the_form_of_chat(self) -> None:
        (choice,) = whole("search: a")["choices"]
        (note,) = choice["message"]["annotations"]
        self.assertEqual((note["type"], set(note)), ("url_citation", {"type", "url_citation"}))
        self.assertEqual(note["url_citation"]["end_index"], len(choice["message"]["content"]))

    def test_every_delta_of_a_text_is_a_token_with_its_log_probability(self) -> None:
        chunks = events(stream("preface: so \nrefuse: no", logprobs=True, top_logprobs=2))
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        entries = [one for choice in choices if choice["logprobs"] for one in choice["logprobs"]["content"]]
        self.assertEqual([one["token"] for one in entries], ["so "])
        self.assertEqual([one["token"] for one in entries[0]["top_logprobs"]], ["so ", "so '"])
        for chunk in chunks:
            ChatCompletionChunk.model_validate_json(encode(chunk), strict=True)

    def test_log_probabilities_are_sent_only_on_request(self) -> None:
        self.assertNotIn(b'"logprob"', stream("say: x", top_logprobs=2))
        self.assertIn(b'"top_logprobs":[]', stream("say: x", logprobs=True))

    def test_usage_is_sent_only_on_request(self) -> None:
        *others, last = events(stream("usage: 10,9,8,7\nsay: x"))
        self.assertEqual(last["choices"], [])
        self.assertEqual(last["usage"]["prompt_tokens_details"]["cached_tokens"], 9)
        self.assertTrue(all(chunk["usage"] is None for chunk in others))
        for chunk in events(stream("say: x", usage=False)):
            self.assertNotIn("usage", chunk)
            self.assertTrue(chunk["choices"])

    def test_a_failure_is_an_error_without_done(self) -> None:
        said = stream("fail: insufficient_quota")
        *_, last = events(said)
        self.assertEqual(last["error"]["code"], "insufficient_quota")
        self.assertNotIn(b"[DONE]", said)
        self.assertNotIn(b'"finish_reason":"', said)

    def test_an_unfinished_answer_has_no_end(self) -> None:
        for text in ("cut: a b", "stall: a b", "hang:"):
            said = stream(text)
            self.assertNotIn(b"[DONE]", said)
            self.assertNotIn(b'"finish_reason":"', said)

    def test_slow_words_have_pauses_between_them(self) -> None:
        frames = build_answer(body("slow: 3"), NOW).frames()
        self.assertEqual(sum(isinstance(frame, Pause) for frame in frames), 2)


class WholeTests(SynchronousTestCase):
    @given(SCRIPTS)
    def test_openai_s_client_accepts_the_completion(self, text: str) -> None:
        ChatCompletion.model_validate_json(build_answer(body(text), NOW).render(), strict=True)

    def test_a_whole_answer_has_a_token_for_each_delta(self) -> None:
        entries = build_answer(body("say: a b", logprobs=True, top_logprobs=1), NOW).render()
        completion = ChatCompletion.model_validate_json(entries, strict=True)
        logprobs = completion.choices[0].logprobs
        assert logprobs is not None
        assert logprobs.content is not None
        self.assertEqual([token.token for token in logprobs.content], ["a ", "b"])

    def test_a_refusal_has_its_own_member(self) -> None:
        message = whole("refuse: not this")["choices"][0]["message"]
        self.assertEqual((message["content"], message["refusal"]), (None, "not this"))

    def test_finish_reasons(self) -> None:
        for text, reason in [
            ("say: x", "stop"),
            ("call: f", "tool_calls"),
            ("call: nope", "stop"),
            ("incomplete: max_output_tokens x", "length"),
            ("incomplete: content_filter x", "content_filter"),
        ]:
            self.assertEqual(whole(text)["choices"][0]["finish_reason"], reason)

    def test_content_is_null_beside_calls_and_reasoning_is_beside_content(self) -> None:
        message = whole("thinking: hm\ncall: f {}\ncall: raw x")["choices"][0]["message"]
        self.assertIsNone(message["content"])
        self.assertEqual(message["reasoning_content"], "hm")
        function, custom = message["tool_calls"]
        self.assertEqual(function["function"], {"name": "f", "arguments": "{}"})
        self.assertEqual(custom["custom"], {"name": "raw", "input": "x"})
        self.assertNotEqual(function["id"], custom["id"])

    def test_usage_has_all_its_details(self) -> None:
        usage = whole("usage: 10,9,8,7\nsay: x")["usage"]
        self.assertEqual((usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]), (10, 8, 18))
        self.assertEqual(usage["completion_tokens_details"]["reasoning_tokens"], 7)
