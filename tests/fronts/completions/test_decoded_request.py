"""Laws of the legacy dialect: streamed and complete responses agree, requests round-trip."""

from collections.abc import Sequence

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.completions import DecodedCompletionsRequest, decode
from codexd.fronts.completions.objects import CompletionsOutputOptions
from codexd.fronts.dialect import DecodedRequest, Encoder, RequestOptions, turn_for_choice
from codexd.fronts.openai import COMPLETIONS
from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.wire import json
from tests.support.chat_stream import ChatStream, read
from tests.support.completions_client import exchanges, merge, prompt_of, prompt_turns, write
from tests.support.framing import build_folding_encoder, encode_stream
from tests.support.identities import CHAT_IDENTITY
from tests.support.sentences import broken_sentences, merged, sentences, texts

Sentences = Sequence[tuple[e.Event, ...]]


@st.composite
def asked(draw: st.DrawFn, choices: int) -> DecodedCompletionsRequest:
    """Build a request of so many choices with any output options."""
    prompts = [draw(texts()) for _ in range(choices)]
    echoed = tuple(prompts) if draw(st.booleans()) else ("",) * choices
    return DecodedCompletionsRequest(
        prompt_turns(*prompts), CompletionsOutputOptions(echoed, draw(st.booleans())), stream=True
    )


def streamed(decoded: DecodedCompletionsRequest, spoken: Sequence[tuple[int, e.Event]]) -> ChatStream:
    """Return what a client parses from the stream of these events, each of its choice."""
    encoder = build_folding_encoder(decoded, CHAT_IDENTITY)
    return read(encode_stream(COMPLETIONS, encoder, spoken, len(decoded.turns)))


class FoldLawTests(SynchronousTestCase):
    @given(st.lists(sentences(), min_size=1, max_size=3), st.data())
    def test_a_stream_put_together_is_the_body(self, answers: Sentences, data: st.DataObject) -> None:
        decoded = data.draw(asked(len(answers)))
        seen = streamed(decoded, data.draw(merged(answers)))
        whole = json.decode(decoded.render(tuple(fold(answer) for answer in answers), CHAT_IDENTITY))
        if not decoded.output_options.include_usage:
            whole["usage"] = None
        self.assertEqual(merge(seen.chunks), whole)
        self.assertTrue(seen.done)

    @given(st.lists(sentences(), min_size=1, max_size=3), st.data())
    def test_the_sdk_knows_every_body_and_every_chunk(self, answers: Sentences, data: st.DataObject) -> None:
        decoded = data.draw(asked(len(answers)))
        body = json.decode(decoded.render(tuple(fold(answer) for answer in answers), CHAT_IDENTITY))
        self.assertEqual(Completion.model_validate(body, strict=True).to_dict(), body)
        for chunk in streamed(decoded, data.draw(merged(answers))).chunks:
            for one in chunk["choices"]:
                # Its one type for both leaves out what a chunk of OpenAI's says before the last: null.
                one["finish_reason"] = one["finish_reason"] or "stop"
            Completion.model_validate(chunk, strict=True)


class OneEndTests(SynchronousTestCase):
    @given(broken_sentences(), st.data())
    def test_a_broken_answer_ends_in_its_error_alone(self, answer: tuple[e.Event, ...], data: st.DataObject) -> None:
        seen = streamed(data.draw(asked(1)), [(0, event) for event in answer])
        self.assertFalse(seen.done)
        self.assertIsNotNone(seen.error)
        finished = [choice for chunk in seen.chunks for choice in chunk["choices"] if choice["finish_reason"]]
        self.assertEqual(finished, [])

    @given(sentences(), broken_sentences(), st.data())
    def test_nothing_is_written_after_one_of_two_choices_broke(
        self, whole: tuple[e.Event, ...], broken: tuple[e.Event, ...], data: st.DataObject
    ) -> None:
        seen = streamed(data.draw(asked(2)), data.draw(merged([whole, broken])))
        self.assertFalse(seen.done)
        self.assertIsNotNone(seen.error)

    @given(sentences(), st.data())
    def test_a_stream_that_is_cut_has_no_end(self, answer: tuple[e.Event, ...], data: st.DataObject) -> None:
        cut = data.draw(st.integers(0, len(answer) - 1))
        seen = streamed(data.draw(asked(1)), [(0, event) for event in answer[:cut]])
        self.assertEqual((seen.done, seen.error), (False, None))


class RoundTripTests(SynchronousTestCase):
    @given(exchanges())
    def test_an_encoded_request_is_decoded_unchanged(self, decoded: DecodedCompletionsRequest) -> None:
        prompts = [prompt_of(turn) for turn in decoded.turns]
        for times in (times for times in range(1, len(prompts) + 1) if _repeat(prompts, times)):
            each = tuple(turn_for_choice(turn, index % times) for index, turn in enumerate(decoded.turns))
            asked = decode(write(decoded, times), RequestOptions(principal=decoded.turn.principal))
            self.assertEqual(asked, evolve(decoded, turns=each))

    def test_a_decoded_request_implements_the_contract(self) -> None:
        decoded: DecodedRequest = DecodedCompletionsRequest(prompt_turns("a", "b"), CompletionsOutputOptions(("", "")))
        self.assertEqual((len(decoded.turns), decoded.turn), (2, prompt_turns("a")[0]))
        encoder: Encoder = build_folding_encoder(decoded, CHAT_IDENTITY)
        self.assertIsNone(encoder.keep_alive())


def _repeat(prompts: list[str], times: int) -> bool:
    """Return whether each prompt is repeated so many times."""
    return prompts == [prompt for prompt in prompts[::times] for _ in range(times)]
