"""The laws of the legacy front: what goes in comes out, streamed or whole."""

from collections.abc import Sequence

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.completions import CompletionsExchange, decode
from codexd.fronts.completions.answer import Style
from codexd.fronts.exchange import Encoder, Exchange, Stamp, Terms, choice
from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.wire import json
from tests.support.chat_stream import Streamed, read
from tests.support.completions import asking, exchanges, merge, prompt_of, write
from tests.support.sentences import broken_sentences, merged, sentences, texts

STAMP = Stamp("00ff", 1700000000, "some-model")
Sentences = Sequence[tuple[e.Event, ...]]


@st.composite
def asked(draw: st.DrawFn, choices: int) -> CompletionsExchange:
    """Give a request of so many choices, its style any."""
    prompts = [draw(texts()) for _ in range(choices)]
    echoed = tuple(prompts) if draw(st.booleans()) else ("",) * choices
    return CompletionsExchange(asking(*prompts), Style(echoed, draw(st.booleans())), stream=True)


def streamed(exchange: CompletionsExchange, spoken: Sequence[tuple[int, e.Event]]) -> Streamed:
    """Give what a client sees of the stream of these events, each said to its choice."""
    encoder = exchange.encoder(STAMP)
    return read(b"".join(frame for choice, event in spoken for frame in encoder.feed(event, choice)))


class FoldLawTests(SynchronousTestCase):
    @given(st.lists(sentences(), min_size=1, max_size=3), st.data())
    def test_a_stream_put_together_is_the_body(self, answers: Sentences, data: st.DataObject) -> None:
        exchange = data.draw(asked(len(answers)))
        seen = streamed(exchange, data.draw(merged(answers)))
        whole = json.decode(exchange.render(tuple(fold(answer) for answer in answers), STAMP))
        if not exchange.style.include_usage:
            whole["usage"] = None
        self.assertEqual(merge(seen.chunks), whole)
        self.assertTrue(seen.done)

    @given(st.lists(sentences(), min_size=1, max_size=3), st.data())
    def test_the_sdk_knows_every_body_and_every_chunk(self, answers: Sentences, data: st.DataObject) -> None:
        exchange = data.draw(asked(len(answers)))
        body = json.decode(exchange.render(tuple(fold(answer) for answer in answers), STAMP))
        self.assertEqual(Completion.model_validate(body, strict=True).to_dict(), body)
        for chunk in streamed(exchange, data.draw(merged(answers))).chunks:
            for one in chunk["choices"]:
                # Its one type for both leaves out what a chunk of OpenAI's says before the last: null.
                one["finish_reason"] = one["finish_reason"] or "stop"
            Completion.model_validate(chunk, strict=True)


class OneEndTests(SynchronousTestCase):
    @given(broken_sentences(), st.data())
    def test_a_broken_answer_ends_in_its_error_alone(
        self, answer: tuple[e.Event, ...], data: st.DataObject
    ) -> None:
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
    def test_what_a_client_asks_is_what_is_read(self, exchange: CompletionsExchange) -> None:
        prompts = [prompt_of(turn) for turn in exchange.turns]
        for times in (times for times in range(1, len(prompts) + 1) if _repeat(prompts, times)):
            each = tuple(choice(turn, index % times) for index, turn in enumerate(exchange.turns))
            asked = decode(write(exchange, times), Terms(exchange.turn.principal))
            self.assertEqual(asked, evolve(exchange, turns=each))

    def test_an_exchange_is_what_the_rim_expects(self) -> None:
        exchange: Exchange = CompletionsExchange(asking("a", "b"), Style(("", "")))
        self.assertEqual((exchange.choices, exchange.turn), (2, asking("a")[0]))
        encoder: Encoder = exchange.encoder(STAMP)
        self.assertTrue(encoder.keepalive().startswith(b":"))


def _repeat(prompts: list[str], times: int) -> bool:
    """Tell whether these are prompts that come so many times each."""
    return prompts == [prompt for prompt in prompts[::times] for _ in range(times)]
