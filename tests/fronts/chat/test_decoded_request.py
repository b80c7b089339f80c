"""Laws of the Chat dialect: streamed and complete responses agree, requests round-trip."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat import DecodedChatRequest, decode
from codexd.fronts.chat.objects import ChatOutputOptions
from codexd.fronts.dialect import DecodedRequest, Encoder, RequestOptions
from codexd.fronts.openai import CHAT
from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, Sampling, TextPart, Turn
from codexd.wire import json
from tests.support.chat_requests import write
from tests.support.chat_stream import merge, read
from tests.support.chat_turns import exchanges
from tests.support.framing import build_folding_encoder, encode_stream
from tests.support.identities import CHAT_IDENTITY
from tests.support.sentences import broken_sentences, merged, sentences

TURN = Turn(model="some-model", items=(Message(role="user", parts=(TextPart("hi"),)),))
Sentences = Sequence[tuple[e.Event, ...]]

styles = st.builds(
    ChatOutputOptions,
    include_usage=st.booleans(),
    legacy_functions=st.booleans(),
    functions_only=st.booleans(),
    show_reasoning=st.booleans(),
    service_tier=st.none() | st.just("default"),
)
# The SDK's types know one type of streamed call, and its accumulator one kind of message.
sdk_styles = st.builds(ChatOutputOptions, include_usage=st.just(True), functions_only=st.just(True))


def streamed(output_options: ChatOutputOptions, spoken: Sequence[tuple[int, e.Event]], choices: int = 1) -> bytes:
    """Return the stream of these events, each of its choice."""
    encoder = build_folding_encoder(
        DecodedChatRequest(turn=TURN, output_options=output_options, choices=choices, stream=True), CHAT_IDENTITY
    )
    return encode_stream(CHAT, encoder, spoken, choices)


def rendered(output_options: ChatOutputOptions, answers: Sentences) -> bytes:
    """Return the same responses as one body."""
    decoded = DecodedChatRequest(turn=TURN, output_options=output_options, choices=len(answers))
    return decoded.render(tuple(fold(answer) for answer in answers), CHAT_IDENTITY)


class ChoiceTests(SynchronousTestCase):
    @given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 8))
    def test_each_choice_has_its_own_seed_and_the_first_the_requested_one(self, seed: int, n: int) -> None:
        asked = Turn(model="m", items=(), sampling=Sampling(seed=seed))
        seeds = [
            turn.sampling.seed
            for turn in DecodedChatRequest(turn=asked, output_options=ChatOutputOptions(), choices=n).turns
        ]
        self.assertEqual((seeds[0], len(set(seeds))), (seed, n))
        self.assertTrue(all(-(2**63) <= one < 2**63 for one in seeds if one is not None))

    def test_without_a_seed_all_choices_are_asked_alike(self) -> None:
        self.assertEqual(
            DecodedChatRequest(turn=TURN, output_options=ChatOutputOptions(), choices=3).turns, (TURN,) * 3
        )


class FoldLawTests(SynchronousTestCase):
    @given(sentences(), styles)
    def test_a_stream_put_together_is_the_body(
        self, answer: tuple[e.Event, ...], output_options: ChatOutputOptions
    ) -> None:
        seen = read(streamed(output_options, [(0, event) for event in answer]))
        whole = json.decode(rendered(output_options, [answer]))
        if not output_options.include_usage:
            whole["usage"] = None
        self.assertEqual(merge(seen.chunks), whole)
        self.assertTrue(seen.done)

    @given(st.lists(sentences(), min_size=2, max_size=3), styles, st.data())
    def test_concurrent_choices_do_not_mix(
        self, answers: Sentences, output_options: ChatOutputOptions, data: st.DataObject
    ) -> None:
        spoken = data.draw(merged(answers))
        seen = read(streamed(output_options, spoken, len(answers)))
        whole = json.decode(rendered(output_options, answers))
        if not output_options.include_usage:
            whole["usage"] = None
        self.assertEqual(merge(seen.chunks), whole)
        self.assertTrue(seen.done)

    @given(st.lists(sentences(), min_size=1, max_size=3), sdk_styles, st.data())
    def test_the_sdk_puts_the_stream_together_to_the_body(
        self, answers: Sentences, output_options: ChatOutputOptions, data: st.DataObject
    ) -> None:
        seen = read(streamed(output_options, data.draw(merged(answers)), len(answers)))
        state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
        for chunk in seen.chunks:
            state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
        snapshot = state.current_completion_snapshot
        whole = ChatCompletion.model_validate(json.decode(rendered(output_options, answers)), strict=True)
        self.assertEqual(snapshot.usage, whole.usage)
        for said, kept in zip(snapshot.choices, whole.choices, strict=True):
            self.assertEqual((said.index, said.finish_reason), (kept.index, kept.finish_reason))
            self.assertEqual(said.message.content, kept.message.content or "")
            self.assertEqual(said.message.refusal, kept.message.refusal)
            self.assertEqual(self._calls(said.message), self._calls(kept.message))
            thoughts = [getattr(one, "reasoning_content", None) for one in (said.message, kept.message)]
            self.assertEqual(thoughts[0], thoughts[1])

    def _calls(self, message: object) -> list[tuple[str, str, str]]:
        calls = getattr(message, "tool_calls", None) or []
        return [(call.id, call.function.name, call.function.arguments) for call in calls]


class OneEndTests(SynchronousTestCase):
    @given(broken_sentences(), styles)
    def test_a_broken_answer_ends_in_its_error_alone(
        self, answer: tuple[e.Event, ...], output_options: ChatOutputOptions
    ) -> None:
        seen = read(streamed(output_options, [(0, event) for event in answer]))
        self.assertFalse(seen.done)
        self.assertIsNotNone(seen.error)
        finished = [choice for chunk in seen.chunks for choice in chunk["choices"] if choice["finish_reason"]]
        self.assertEqual(finished, [])

    @given(sentences(), broken_sentences(), styles, st.data())
    def test_nothing_is_written_after_one_of_two_choices_broke(
        self,
        whole: tuple[e.Event, ...],
        broken: tuple[e.Event, ...],
        output_options: ChatOutputOptions,
        data: st.DataObject,
    ) -> None:
        seen = read(streamed(output_options, data.draw(merged([whole, broken])), 2))
        self.assertFalse(seen.done)
        self.assertIsNotNone(seen.error)

    @given(sentences(), st.data())
    def test_a_stream_that_is_cut_has_no_end(self, answer: tuple[e.Event, ...], data: st.DataObject) -> None:
        cut = data.draw(st.integers(0, len(answer) - 1))
        seen = read(streamed(ChatOutputOptions(), [(0, event) for event in answer[:cut]]))
        self.assertEqual((seen.done, seen.error), (False, None))


class RoundTripTests(SynchronousTestCase):
    @given(exchanges())
    def test_an_encoded_request_is_decoded_unchanged(self, decoded: DecodedChatRequest) -> None:
        body = write(decoded)
        self.assertEqual(decode(body, RequestOptions(principal=decoded.turn.principal)), decoded)

    def test_a_decoded_request_implements_the_contract(self) -> None:
        decoded: DecodedRequest = DecodedChatRequest(turn=TURN, output_options=ChatOutputOptions())
        encoder: Encoder = build_folding_encoder(decoded, CHAT_IDENTITY)
        self.assertIsNone(encoder.keep_alive())
        self.assertIs(decoded.turns, decoded.turns)
