"""The recorded bytes of real servers are translated.

`recordings` holds a directory for each server. llama.cpp: `llama-server` 0.7.0 of Debian (build 11669) with
`--jinja`; llama-cpp-python: its own server, 0.3.36; LiteLLM: its proxy, 1.106.2. All of them run
a tiny model made for this: a table of which word follows which, and a chat template with tools and reasoning.
Streams end in `.sse`; the name of an error is its cause and its status.
"""

from pathlib import Path

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.failures import translate_http_error
from codexd.backs.chat.model_list import decode_models
from codexd.neutral import event as e
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Sampling, Tool
from codexd.wire import json
from tests.support.chat_chunks import TURN, chunk, frames, translate
from tests.support.chunking import chunkings

PLACE = Path(__file__).parent / "recordings"
STREAMS = {path: path.read_bytes() for path in sorted(PLACE.glob("*/*.sse"))}
ASKED = evolve(
    TURN, tools=(Tool(name="get_weather"), Tool(name="get_time")), sampling=Sampling(logprobs=True, top_logprobs=1)
)


def reply(server: str, name: str) -> Reply:
    return fold(translate(STREAMS[PLACE / server / f"{name}.sse"], turn=ASKED))


def tokens(found: Reply) -> list[str]:
    (part,) = found.text_parts
    return [one["token"] for one in json.decode(part.logprobs or "[]")]


class LlamaCppTests(SynchronousTestCase):
    def test_reasoning_then_text_with_usage(self) -> None:
        found = reply("llama.cpp", "text")
        self.assertEqual(found.reasoning, ("hm I could look it up",))
        self.assertEqual((found.text, found.finish), (" under. house and 🎉 über", "stop"))
        self.assertEqual(
            found.usage, e.Usage(input_tokens=24, cached_tokens=23, cache_write_tokens=0, output_tokens=16)
        )

    def test_a_response_cut_in_its_reasoning_ends_with_length(self) -> None:
        found = reply("llama.cpp", "cut")
        self.assertEqual((found.reasoning, found.text, found.finish), (("hm I could look it up",), "", "length"))

    def test_log_probabilities_of_reasoning_are_not_those_of_the_text(self) -> None:
        found = reply("llama.cpp", "logprobs")
        self.assertEqual([type(item).__name__ for item in found.items], ["Reasoning", "Message"])
        self.assertEqual(tokens(found), [" under"])

    def test_equal_parallel_calls_are_separate_calls(self) -> None:
        found = reply("llama.cpp", "calls")
        weather, time = ("get_weather", '{"city": "Paris"}'), ("get_time", '{"zone": "Europe/Paris"}')
        self.assertEqual([(call.name, call.arguments) for call in found.calls], [weather, time, weather])
        self.assertEqual((found.text, found.finish), ("Let me", "tool_calls"))

    def test_a_call_that_was_cut_is_incomplete(self) -> None:
        found = reply("llama.cpp", "call-cut")
        self.assertEqual([call.complete for call in found.calls], [False])
        self.assertEqual(found.finish, "length")

    def test_a_response_constrained_by_a_grammar(self) -> None:
        self.assertEqual(json.decode(reply("llama.cpp", "json").text), {"a": 8})

    def test_the_served_context_window_is_read_before_the_trained_one(self) -> None:
        (card,) = decode_models((PLACE / "llama.cpp" / "models.json").read_bytes())
        self.assertEqual((card.id, card.owned_by, card.context_window), ("tiny", "llamacpp", 1024))


class LlamaCppPythonTests(SynchronousTestCase):
    def test_reasoning_inside_the_text_stays_text_and_usage_is_estimated(self) -> None:
        found = reply("llama-cpp-python", "text")
        self.assertEqual(found.text, "<think>hm I could look it up</think>\n\n under. house and 🎉")
        self.assertEqual((found.reasoning, found.finish), ((), "length"))
        assert found.usage is not None
        self.assertTrue(found.usage.estimated)

    def test_a_call_in_both_forms_is_one_call(self) -> None:
        found = reply("llama-cpp-python", "calls")
        self.assertEqual([(call.name, call.arguments) for call in found.calls], [("get_weather", '{"city":"},"}')])
        self.assertEqual((found.items[0], found.finish), (found.calls[0], "tool_calls"))

    def test_log_probabilities_come_with_every_delta(self) -> None:
        self.assertEqual(tokens(reply("llama-cpp-python", "logprobs"))[-2:], ["\n\n", " under"])


class LiteLlmTests(SynchronousTestCase):
    """LiteLLM in front of the llama.cpp above."""

    def test_usage_comes_in_a_choice_after_the_end(self) -> None:
        found = reply("litellm", "text")
        self.assertEqual((found.text, found.finish), (" under. house and 🎉 über", "stop"))
        self.assertEqual(
            (found.reasoning, found.usage),
            (
                ("hm I could look it up",),
                e.Usage(input_tokens=24, cached_tokens=0, cache_write_tokens=0, output_tokens=16, reasoning_tokens=6),
            ),
        )

    def test_the_stream_of_the_server_behind_it_is_the_same(self) -> None:
        same, behind = reply("litellm", "calls"), reply("llama.cpp", "calls")
        self.assertEqual(
            [(call.name, call.arguments) for call in same.calls],
            [(call.name, call.arguments) for call in behind.calls],
        )
        self.assertEqual(tokens(reply("litellm", "logprobs")), [" under"])


class FaultTests(SynchronousTestCase):
    def test_every_recorded_error_has_its_fault(self) -> None:
        kinds = {
            "litellm/custom-tool": "invalid_prompt",
            "litellm/embeddings": "invalid_prompt",
            "litellm/image": "invalid_prompt",
            "litellm/model": "unknown_model",
            "litellm/too-long": "context_length_exceeded",
            "llama-cpp-python/embeddings": "model_failed",
            "llama-cpp-python/key": "credentials_rejected",
            "llama-cpp-python/path": "provider_rejected",
            "llama.cpp/custom-tool": "invalid_prompt",
            "llama.cpp/embeddings": "invalid_prompt",
            "llama.cpp/image": "invalid_prompt",
            "llama.cpp/key": "credentials_rejected",
            "llama.cpp/path": "provider_rejected",
            "llama.cpp/schema": "invalid_prompt",
            "llama.cpp/temperature": "invalid_prompt",
            "llama.cpp/too-long": "context_length_exceeded",
        }
        found = {}
        for path in PLACE.glob("*/*.*.json"):
            wrong, status, _ = path.name.split(".")
            found[f"{path.parent.name}/{wrong}"] = translate_http_error(int(status), path.read_bytes()).kind
        self.assertEqual(found, kinds)


class LawTests(SynchronousTestCase):
    @given(st.sampled_from(sorted(STREAMS)), st.data())
    def test_any_chunking_gives_the_same_events(self, path: Path, data: st.DataObject) -> None:
        stream = STREAMS[path]
        self.assertEqual(translate(*data.draw(chunkings(stream)), turn=ASKED), translate(stream, turn=ASKED))


class LogProbabilityTests(SynchronousTestCase):
    """Log probabilities that arrive without a text."""

    def given(self, token: str) -> dict[str, object]:
        entries = [{"token": token, "logprob": -1.0, "bytes": None, "top_logprobs": []}]
        return {"content": entries}

    def said(self, *deltas: dict[str, object]) -> Reply:
        chunks = [chunk(delta) for delta in deltas]
        for at, one in enumerate(chunks):
            one["choices"][0]["logprobs"] = self.given(str(at))
        return fold(translate(frames(*chunks, chunk({}, "stop")), turn=ASKED))

    def test_those_before_a_text_belong_to_it(self) -> None:
        self.assertEqual(tokens(self.said({"content": ""}, {"content": "é"}, {"content": ""})), ["0", "1", "2"])

    def test_those_before_reasoning_or_a_call_are_dropped(self) -> None:
        call = {"index": 0, "id": "c", "function": {"name": "get_time", "arguments": "{}"}}
        for between in ({"reasoning": "hm"}, {"tool_calls": [call]}):
            found = self.said({"content": ""}, between, {"content": "a"})
            self.assertEqual((tokens(found), len(found.items)), (["2"], 2))
